// Every process loads this file: it stays free of ethers (`./filter`) and of the REST contract (`./api`).
export * from "./errors.ts";
export * from "./messages/attempt.ts";
export * from "./messages/block.ts";
export * from "./messages/codec.ts";
export * from "./messages/dead-letter.ts";
export * from "./messages/delivery.ts";
export * from "./messages/digest.ts";
export * from "./messages/fields.ts";
export * from "./messages/log.ts";
export * from "./messages/payload.ts";
export * from "./api/endpoint-settings.ts";
