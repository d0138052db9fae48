// The rules of the house that the linter has not: see `.oxlintrc.json` for where each holds.

interface Node {
  readonly type: string;
  readonly loc: { readonly start: { readonly line: number }; readonly end: { readonly line: number } };
}

interface RuleContext {
  readonly options: readonly unknown[];
  report(problem: { readonly node: Node; readonly message: string }): void;
}

interface FunctionNode extends Node {
  readonly id?: { readonly name: string } | null;
}

/**
 * Counts the lines of a function that are not inside a function within it. A factory that returns a handful of short
 * closures is short; one long procedure is long, wherever it stands. (The linter's own rule counts a factory with all
 * that it holds.)
 */
const functionLength = {
  meta: {
    schema: [{ type: "object", properties: { max: { type: "integer" } }, additionalProperties: false }],
  },
  create(context: RuleContext) {
    const max = (context.options[0] as { readonly max: number } | undefined)?.max ?? 70;
    /** Lines taken by nested functions, one entry for each function that is open. */
    const nested: number[] = [];
    const enter = () => void nested.push(0);
    const leave = (node: FunctionNode) => {
      const lines = node.loc.end.line - node.loc.start.line + 1;
      const own = lines - (nested.pop() ?? 0);
      const outer = nested.length - 1;
      if (outer >= 0) nested[outer] = (nested[outer] ?? 0) + lines - 1;
      if (own > max) {
        const name = node.id?.name ?? "This function";
        context.report({ node, message: `${name} has ${own} lines of its own; at most ${max}` });
      }
    };
    return {
      FunctionDeclaration: enter,
      FunctionExpression: enter,
      ArrowFunctionExpression: enter,
      "FunctionDeclaration:exit": leave,
      "FunctionExpression:exit": leave,
      "ArrowFunctionExpression:exit": leave,
    };
  },
};

interface NewExpression extends Node {
  readonly callee: { readonly name?: string };
  readonly arguments: readonly unknown[];
}

/** `new Date()` reads the clock; `new Date(timeMs)` does not. */
const noCurrentDate = {
  create: (context: RuleContext) => ({
    NewExpression(node: NewExpression) {
      if (node.callee.name !== "Date" || node.arguments.length > 0) return;
      context.report({ node, message: "new Date() reads the clock: take the time as an argument" });
    },
  }),
};

/** Only a workspace's entry re-exports whole files. */
const noBarrel = {
  create: (context: RuleContext) => ({
    ExportAllDeclaration(node: Node) {
      context.report({
        node,
        message: "Only a workspace's entry re-exports: import from the file that declares it",
      });
    },
  }),
};

interface Property extends Node {
  readonly key: { readonly name?: string; readonly value?: unknown };
}

/** A test that needs a second try is a bug of the test or of the code. */
const noTestRetry = {
  create: (context: RuleContext) => ({
    CallExpression(
      node: Node & { readonly callee: { readonly name?: string }; readonly arguments: readonly Node[] },
    ) {
      if (!["it", "test", "describe"].includes(node.callee.name ?? "")) return;
      for (const argument of node.arguments) {
        if (argument.type !== "ObjectExpression") continue;
        const { properties } = argument as Node & { readonly properties: readonly Property[] };
        if (
          properties.some((property) => property.key?.name === "retry" || property.key?.value === "retry")
        ) {
          context.report({
            node: argument,
            message: "No test is retried: find out why it fails now and then",
          });
        }
      }
    },
  }),
};

export default {
  meta: { name: "house" },
  rules: {
    "function-length": functionLength,
    "no-barrel": noBarrel,
    "no-current-date": noCurrentDate,
    "no-test-retry": noTestRetry,
  },
};
