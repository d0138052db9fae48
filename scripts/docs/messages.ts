import type { Codec } from "@ethhook/schemas";
import { code, document, table } from "./markdown.ts";

/** The part of a JSON schema that is shown. */
interface Shape {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
}

export interface MessageExample {
  /** File name: `log.v1.new.json`. */
  readonly file: string;
  readonly text: string;
}

export function messagesDocument(
  codecs: readonly Pick<Codec<unknown>, "name" | "version" | "schema">[],
  examples: readonly MessageExample[],
): string {
  return document("Messages", "`schemas/messages`", [
    "The values of the topics: JSON in UTF-8, first field `v`, the version. A reader drops fields that it does not know." +
      " A value of a newer version stops its partition, and the process says so; what no version can read goes to a" +
      " dead letter. 256-bit numbers are decimal text. The examples are real blocks.",
    ...codecs.flatMap((codec) => [
      `## ${codec.name}, version ${codec.version}`,
      fieldsTable(codec.schema.toJSONSchema() as Shape),
      ...examplesOf(codec.name, examples),
    ]),
  ]);
}

function fieldsTable(shape: Shape): string {
  const rows = Object.entries(shape.properties ?? {});
  return table(
    ["Field", "Type", "Meaning"],
    rows.map(([name, field]) => [code(name), typeOf(field), meaningOf(field)]),
  );
}

function meaningOf(field: Shape): string | undefined {
  return field.description ?? field.anyOf?.find((one) => one.description !== undefined)?.description;
}

function typeOf(field: Shape): string {
  if (field.const !== undefined) return code(JSON.stringify(field.const));
  if (field.enum !== undefined) return field.enum.map((value) => code(String(value))).join(" or ");
  if (field.anyOf !== undefined) return field.anyOf.map(typeOf).join(" or ");
  if (field.properties !== undefined) return "object, as above";
  if (field.items !== undefined) return `list of ${typeOf(field.items)}`;
  return [field.type ?? "anything"].flat().join(" or ");
}

function examplesOf(name: string, examples: readonly MessageExample[]): readonly string[] {
  const own = examples.filter((example) => example.file.startsWith(`${name.replaceAll(" ", "-")}.`));
  const [first, ...others] = own;
  if (first === undefined) return [];
  const links = others.map(({ file }) => `[${file}](schemas/messages/examples/${file})`);
  return [
    `\`\`\`json\n${first.text.trimEnd()}\n\`\`\``,
    ...(links.length === 0 ? [] : [`More: ${links.join(", ")}.`]),
  ];
}
