import { bytesInWords, durationInWords, type Change, type Plan } from "@ethhook/topology";

/** A plan as lines a person reads before saying yes. */
export function tellPlan(plan: Plan): string {
  const lines = plan.changes.flatMap(tellChange);
  const undeclared = plan.undeclared.map(
    (name) => `? ${name} stands on the broker and is not declared; left alone`,
  );
  if (lines.length === 0) lines.push("the broker is as declared");
  return [...lines, ...undeclared].join("\n");
}

/** `2 to create, 1 to alter, 0 refused`. */
export function countChanges(plan: Plan): string {
  const count = (...kinds: readonly Change["kind"][]) =>
    plan.changes.filter(({ kind }) => kinds.includes(kind)).length;
  return `${count("create")} to create, ${count("alter", "add-partitions")} to alter, ${count("refuse")} refused`;
}

function tellChange(change: Change): readonly string[] {
  switch (change.kind) {
    case "create":
      return [
        `+ ${change.topic}: ${change.partitions} partitions`,
        ...Object.entries(change.configs).map(([name, value]) => `    ${name} = ${inWords(name, value)}`),
      ];
    case "alter":
      return [
        `~ ${change.topic}`,
        ...change.changes.map(
          ({ setting, from, to }) => `    ${setting}: ${inWords(setting, from)} → ${inWords(setting, to)}`,
        ),
      ];
    case "add-partitions":
      return [`~ ${change.topic}: ${change.from} → ${change.to} partitions`];
    case "refuse":
      return [`! ${change.topic}: ${change.reason}`, `    instead: ${change.instead}`];
  }
}

/** A broker's number with its meaning beside it: `604800000 (7 days)`. */
function inWords(setting: string, value: string): string {
  const number = Number(value);
  if (!Number.isFinite(number) || value === "") return value;
  if (setting.endsWith(".ms")) return `${value} (${durationInWords(number < 0 ? null : number)})`;
  if (setting.endsWith(".bytes")) return `${value} (${number < 0 ? "no limit" : bytesInWords(number)})`;
  return value;
}
