/** What the command line of `npm test` asks for. */
export type TestArguments =
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly reason: string }
  | {
      readonly kind: "run";
      /** Run the static checks. */
      readonly checks: boolean;
      /** Run vitest, with these arguments. */
      readonly vitest: boolean;
      readonly vitestArguments: readonly string[];
    };

const projects = ["unit", "property", "integration", "alone", "simulation", "e2e"] as const;

/** Options of vitest that are passed on; those of the first list take a value. */
const withValue = ["-t", "--testNamePattern", "--bail", "--reporter", "--shard", "--repeats"];
const passedOn = [...withValue, "-u", "--update", "--silent", "--changed"];

/** Everything runs unless a project or a file is named: then only that does. `checks` names the static checks. */
export function parseArguments(argv: readonly string[]): TestArguments {
  const named: string[] = [];
  const files: string[] = [];
  const options: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? "";
    const [name = "", value] = argument.split("=", 2);
    if (name === "--help" || name === "-h") return { kind: "help" };
    if (name === "--project" || name === "-p") named.push(value ?? argv[(index += 1)] ?? "");
    else if (!argument.startsWith("-")) files.push(argument);
    else if (!passedOn.includes(name)) return { kind: "wrong", reason: `There is no option ${argument}.` };
    else if (withValue.includes(name) && value === undefined) options.push(name, argv[(index += 1)] ?? "");
    else options.push(argument);
  }
  const unknown = named.find((name) => name !== "checks" && !projects.some((project) => project === name));
  if (unknown !== undefined) {
    return { kind: "wrong", reason: `There is no project "${unknown}": checks, ${projects.join(", ")}.` };
  }
  const vitestProjects = named.filter((name) => name !== "checks");
  const narrowed =
    files.length > 0 || options.some((option) => /^(?:-t|--testNamePattern|--changed)\b/.test(option));
  return {
    kind: "run",
    checks: named.includes("checks") || (named.length === 0 && !narrowed),
    vitest: named.length === 0 || vitestProjects.length > 0 || narrowed,
    vitestArguments: [...vitestProjects.map((name) => `--project=${name}`), ...files, ...options],
  };
}

/** @param checkTitles names of the static checks, in the order in which they run. */
export function usage(checkTitles: readonly string[]): string {
  return [
    "npm test [-- [--project NAME]… [FILE…] [vitest options]]",
    "",
    "Runs every check and test, and starts the engines that they need. Ends with one line: N passed, N failed.",
    "",
    `  --project NAME   only this project: checks, ${projects.join(", ")} (may be repeated)`,
    "  FILE             only test files whose path contains this text",
    "  -t PATTERN       only tests whose name matches",
    `  Passed to vitest as they are: ${passedOn.join(", ")}`,
    "  --help           this text",
    "",
    `Static checks: ${checkTitles.join(", ")}. Each counts as one test.`,
  ].join("\n");
}
