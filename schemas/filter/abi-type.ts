import type { ParamType } from "ethers/abi";

/** An ABI type, reduced to what a reader of words needs. */
export type AbiType =
  | { readonly kind: "uint" | "int"; readonly bits: number }
  | { readonly kind: "address" | "bool" | "bytes" | "string" }
  | { readonly kind: "fixedBytes"; readonly size: number }
  /** `length` is null for `T[]`. */
  | { readonly kind: "array"; readonly of: AbiType; readonly length: number | null }
  | { readonly kind: "tuple"; readonly fields: readonly AbiField[] };

export interface AbiField {
  /** Empty when it has none. */
  readonly name: string;
  readonly type: AbiType;
}

/** Translates what ethers parsed. `undefined` for a type that no chain uses in events (`function`, fixed-point). */
export function abiTypeOf(param: ParamType): AbiType | undefined {
  if (param.isArray()) {
    const of = abiTypeOf(param.arrayChildren);
    const length = param.arrayLength === -1 ? null : param.arrayLength;
    return of === undefined ? undefined : { kind: "array", of, length };
  }
  if (param.isTuple()) {
    const fields: AbiField[] = [];
    for (const component of param.components) {
      const type = abiTypeOf(component);
      if (type === undefined) return undefined;
      fields.push({ name: component.name, type });
    }
    return { kind: "tuple", fields };
  }
  return scalarTypeOf(param.type);
}

function scalarTypeOf(name: string): AbiType | undefined {
  if (name === "address" || name === "bool" || name === "bytes" || name === "string") return { kind: name };
  const integer = /^(u?int)(\d+)$/.exec(name);
  if (integer !== null) return { kind: integer[1] === "int" ? "int" : "uint", bits: Number(integer[2]) };
  const fixed = /^bytes(\d+)$/.exec(name);
  return fixed === null ? undefined : { kind: "fixedBytes", size: Number(fixed[1]) };
}

/** True when values of this type stand behind an offset instead of in place. */
export function isDynamic(type: AbiType): boolean {
  switch (type.kind) {
    case "bytes":
    case "string":
      return true;
    case "array":
      return type.length === null || isDynamic(type.of);
    case "tuple":
      return type.fields.some((field) => isDynamic(field.type));
    case "uint":
    case "int":
    case "address":
    case "bool":
    case "fixedBytes":
      return false;
  }
}

/** Words (32 bytes) that a value takes in place; 1 for a dynamic type: its offset. */
export function headWords(type: AbiType): number {
  if (isDynamic(type)) return 1;
  if (type.kind === "array") return (type.length ?? 0) * headWords(type.of);
  if (type.kind === "tuple") return type.fields.reduce((sum, field) => sum + headWords(field.type), 0);
  return 1;
}

/** True when a topic holds the value's hash instead of the value. */
export function isHashedWhenIndexed(type: AbiType): boolean {
  return ["bytes", "string", "array", "tuple"].includes(type.kind);
}

/** As Solidity writes it: `uint256[]`, `(address,uint256)`. */
export function typeName(type: AbiType): string {
  switch (type.kind) {
    case "uint":
    case "int":
      return `${type.kind}${type.bits}`;
    case "fixedBytes":
      return `bytes${type.size}`;
    case "array":
      return `${typeName(type.of)}[${type.length ?? ""}]`;
    case "tuple":
      return `(${type.fields.map((field) => typeName(field.type)).join(",")})`;
    case "address":
    case "bool":
    case "bytes":
    case "string":
      return type.kind;
  }
}
