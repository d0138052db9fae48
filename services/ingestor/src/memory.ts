import { setFlagsFromString } from "node:v8";

/**
 * To be loaded before anything else: once the young generation has grown, it stays so. V8 lets it grow to 50 MB, and buffers of
 * dead objects with it: on the way of a block of 150 MB that costs more memory than the block.
 */
setFlagsFromString("--semi-space-growth-factor=1");
