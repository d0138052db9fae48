/** The one hash of the package that is used, without the code of the thirty others. */
declare module "hash-wasm/dist/keccak.umd.min.js" {
  const hashes: { readonly createKeccak: typeof createKeccak };
  import type { createKeccak } from "hash-wasm";
  export = hashes;
}
