import { headWords, isDynamic, type AbiType } from "./abi-type.ts";
import { arrayBase, arrayCount, contentAt, nowhere, readSize, wordDigits } from "./navigate.ts";

/** How much of the data a check may still read. Offsets may point to the same place again and again. */
interface Work {
  digitsLeft: number;
}

/** Data may be read this many times over, as ethers allows: more is a bomb of nested offsets. */
const inflationMax = 1_024;

type Check = (data: string, content: number, work: Work) => boolean;

/** Compiles the question whether data holds a value of `type`, as ethers would decode it without an error. */
export function fitter(type: AbiType): (data: string, content: number) => boolean {
  const check = checkOf(type);
  return (data, content) => check(data, content, { digitsLeft: inflationMax * data.length });
}

function checkOf(type: AbiType): Check {
  switch (type.kind) {
    case "address":
      return (data, content) => content + wordDigits <= data.length && isAddressWord(data, content);
    case "bytes":
    case "string":
      return checkBytes;
    case "array":
      return checkArray(type);
    case "tuple":
      return checkTuple(type.fields.map((field) => field.type));
    case "uint":
    case "int":
    case "bool":
    case "fixedBytes":
      return (data, content) => content + wordDigits <= data.length;
  }
}

/** The 12 bytes before an address are zero, or it is none. */
export function isAddressWord(data: string, at: number): boolean {
  return data.startsWith("000000000000000000000000", at);
}

/** The last bytes need no padding: an old Solidity packed them tightly, and ethers reads such logs. */
const checkBytes: Check = (data, content, work) => {
  const size = readSize(data, content);
  if (size === nowhere) return false;
  work.digitsLeft -= wordDigits + size * 2;
  return work.digitsLeft >= 0 && content + wordDigits + size * 2 <= data.length;
};

function checkArray({ of, length }: AbiType & { kind: "array" }): Check {
  const check = checkOf(of);
  const stride = headWords(of) * wordDigits;
  const dynamic = isDynamic(of);
  const plain = isPlain(of);
  return (data, content, work) => {
    const count = arrayCount(data, content, length);
    if (count === nowhere) return false;
    const base = arrayBase(content, length);
    // Each element has at least a word, so a length that is noise is refused before it is looped over.
    if (length === null && count * wordDigits > data.length - content) return false;
    work.digitsLeft -= wordDigits + count * stride;
    if (work.digitsLeft < 0 || base + count * stride > data.length) return false;
    if (plain) return true;
    for (let index = 0; index < count; index += 1) {
      const element = contentAt(data, base, index * stride, dynamic);
      if (element === nowhere || !check(data, element, work)) return false;
    }
    return true;
  };
}

function checkTuple(types: readonly AbiType[]): Check {
  let head = 0;
  const fields = types.map((type) => {
    const field = { head, dynamic: isDynamic(type), plain: isPlain(type), check: checkOf(type) };
    head += headWords(type) * wordDigits;
    return field;
  });
  const size = head;
  const checked = fields.filter((field) => !field.plain);
  return (data, content, work) => {
    work.digitsLeft -= size;
    if (work.digitsLeft < 0 || content + size > data.length) return false;
    for (const field of checked) {
      const at = contentAt(data, content, field.head, field.dynamic);
      if (at === nowhere || !field.check(data, at, work)) return false;
    }
    return true;
  };
}

/** True when any words will do, so that their number is all there is to check. */
function isPlain(type: AbiType): boolean {
  if (type.kind === "array") return type.length !== null && isPlain(type.of);
  if (type.kind === "tuple") return type.fields.every((field) => isPlain(field.type));
  return type.kind !== "address" && !isDynamic(type);
}
