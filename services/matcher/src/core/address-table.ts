/**
 * A hash table from addresses to integers, packed in typed arrays: 24 bytes a slot and no object per address, so that a
 * million addresses neither fill the heap nor slow the collector. Open addressing with linear probing.
 */
export interface AddressTable {
  /** The value of a lower-case `0x` address, or `undefined`. */
  get(address: string): number | undefined;
  set(address: string, value: number): void;
  delete(address: string): void;
  readonly size: () => number;
  /** Bytes of the arrays. */
  readonly bytes: () => number;
  /** Makes room for so many more, to grow once instead of step by step. */
  reserve(more: number): void;
}

const wordsPerKey = 5;
const loadMax = 0.7;
const slotsMin = 64;
/** Marks a slot without an address. Values are above it. */
const empty = -2_147_483_648;

interface Slots {
  readonly mask: number;
  readonly keys: Uint32Array;
  readonly values: Int32Array;
}

/** @returns an empty table. Values are 32-bit integers other than -2^31. */
export function createAddressTable(): AddressTable {
  let slots = makeSlots(slotsMin);
  let size = 0;

  function grow(count: number): void {
    let wanted = slots.mask + 1;
    while (count > wanted * loadMax) wanted *= 2;
    if (wanted === slots.mask + 1) return;
    const old = slots;
    slots = makeSlots(wanted);
    const key = new Uint32Array(wordsPerKey);
    for (let slot = 0; slot <= old.mask; slot += 1) {
      const value = old.values[slot] ?? empty;
      if (value === empty) continue;
      key.set(old.keys.subarray(slot * wordsPerKey, (slot + 1) * wordsPerKey));
      put(slots, find(slots, key), key, value);
    }
  }

  return {
    get(address) {
      const key = keyOf(address);
      const value = slots.values[find(slots, key)] ?? empty;
      return value === empty ? undefined : value;
    },
    set(address, value) {
      grow(size + 1);
      const key = keyOf(address);
      const slot = find(slots, key);
      if (slots.values[slot] === empty) size += 1;
      put(slots, slot, key, value);
    },
    delete(address) {
      const key = keyOf(address);
      const slot = find(slots, key);
      if (slots.values[slot] === empty) return;
      size -= 1;
      remove(slots, slot);
    },
    size: () => size,
    bytes: () => slots.keys.byteLength + slots.values.byteLength,
    reserve: (more) => grow(size + more),
  };
}

function makeSlots(count: number): Slots {
  return {
    mask: count - 1,
    keys: new Uint32Array(count * wordsPerKey),
    values: new Int32Array(count).fill(empty),
  };
}

const lastKey = new Uint32Array(wordsPerKey);
let lastAddress = "";

/** 40 hex digits after `0x` as five words, until the next call. A log asks several tables for one address. */
function keyOf(address: string): Uint32Array {
  if (address !== lastAddress) readKey(address, lastKey);
  lastAddress = address;
  return lastKey;
}

function readKey(address: string, key: Uint32Array): void {
  for (let word = 0; word < wordsPerKey; word += 1) {
    let bits = 0;
    for (let digit = 2 + word * 8; digit < 10 + word * 8; digit += 1) {
      const code = address.charCodeAt(digit);
      bits = (bits << 4) | (code < 58 ? code - 48 : code - 87);
    }
    key[word] = bits;
  }
}

/** Addresses are hashes, but vanity ones begin or end in zeros: all words take part. */
function home({ mask }: Slots, keys: Uint32Array, at: number): number {
  let hash = 0;
  for (let word = 0; word < wordsPerKey; word += 1) {
    hash = Math.imul(hash ^ (keys[at + word] ?? 0), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash & mask;
}

/** The slot that holds the key, or the empty one where it belongs. */
function find(slots: Slots, key: Uint32Array): number {
  let slot = home(slots, key, 0);
  while (slots.values[slot] !== empty && !holds(slots, slot, key)) slot = (slot + 1) & slots.mask;
  return slot;
}

function holds({ keys }: Slots, slot: number, key: Uint32Array): boolean {
  const at = slot * wordsPerKey;
  for (let word = 0; word < wordsPerKey; word += 1) if (keys[at + word] !== key[word]) return false;
  return true;
}

function put({ keys, values }: Slots, slot: number, key: Uint32Array, value: number): void {
  keys.set(key, slot * wordsPerKey);
  values[slot] = value;
}

/** Moves later entries of the run back over the hole, so that no search stops early at it. */
function remove(slots: Slots, slot: number): void {
  const { mask, keys, values } = slots;
  let hole = slot;
  for (let next = (hole + 1) & mask; values[next] !== empty; next = (next + 1) & mask) {
    const wanted = home(slots, keys, next * wordsPerKey);
    if (((next - wanted) & mask) < ((next - hole) & mask)) continue;
    keys.copyWithin(hole * wordsPerKey, next * wordsPerKey, (next + 1) * wordsPerKey);
    values[hole] = values[next] ?? empty;
    hole = next;
  }
  values[hole] = empty;
}
