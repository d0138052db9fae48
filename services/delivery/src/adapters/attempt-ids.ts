import { randomBytes } from "node:crypto";

const processBytes = 6;
const countDigits = 8;
const countMax = 16 ** countDigits;

/**
 * Makes the ids of a process's attempts: `att_`, 12 random hex digits of the process, 8 of a count. Neighbours differ in two or
 * three characters, so ClickHouse keeps one in 3 bytes; a random one of the same uniqueness takes 9.
 */
export function createAttemptIds(): () => string {
  const prefix = `att_${randomBytes(processBytes).toString("hex")}`;
  let count = 0;
  return () => {
    const id = prefix + count.toString(16).padStart(countDigits, "0");
    count = (count + 1) % countMax;
    return id;
  };
}
