import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** Keccak-256 of a text's UTF-8 bytes, as `0x` text: the hash that a chain keeps of a signature or a string. */
export const keccakOfText = (text: string): string => `0x${bytesToHex(keccak_256(utf8ToBytes(text)))}`;

/** Keccak-256 of bytes that are given as `0x` text. */
export const keccakOfHex = (bytes: string): string =>
  `0x${bytesToHex(keccak_256(hexToBytes(bytes.slice(2))))}`;
