import { printPath } from "./path.ts";
import type { AddressSelection, Condition, Filter, Path } from "./types.ts";

/** A filter as JSON that `parseFilter` reads back to the same filter. */
export function printFilter(filter: Filter): Record<string, unknown> {
  const { chains, addresses, topics, events } = filter;
  return {
    ...(chains === null ? {} : { chains }),
    ...(addresses === null ? {} : { addresses: printAddresses(addresses) }),
    ...(topics === null ? {} : { topics }),
    ...(events === null
      ? {}
      : {
          events: events.map(({ signature, where }) => ({
            event: signature,
            ...(where === null ? {} : { where: printCondition(where) }),
          })),
        }),
  };
}

function printAddresses(selection: AddressSelection): unknown {
  return selection.kind === "list" ? { list: selection.name } : selection.addresses;
}

function printCondition(condition: Condition): Record<string, unknown> {
  switch (condition.kind) {
    case "and":
    case "or":
      return { [condition.kind]: condition.of.map((child) => printCondition(child)) };
    case "not":
      return { not: printCondition(condition.of) };
    case "any":
    case "all":
      return at(condition.path, { [condition.kind]: printCondition(condition.of) });
    case "compare": {
      const isList = condition.operator === "in" || condition.operator === "nin";
      return at(condition.path, { [condition.operator]: isList ? condition.values : condition.values[0] });
    }
  }
}

function at(path: Path, operators: Record<string, unknown>): Record<string, unknown> {
  return path.length === 0 ? operators : { [printPath(path)]: operators };
}
