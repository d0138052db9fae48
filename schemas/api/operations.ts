import { accountOperations } from "./account-operations.ts";
import { addressListOperations } from "./address-lists.ts";
import { deliveryOperations } from "./deliveries.ts";
import { endpointOperations } from "./endpoint-operations.ts";
import { filterOperations } from "./filters.ts";
import type { Operation } from "./operation.ts";
import { statisticsOperations } from "./statistics.ts";

/** The REST API. The key of each entry is its operationId. */
export const operations = {
  ...accountOperations,
  ...endpointOperations,
  ...addressListOperations,
  ...deliveryOperations,
  ...filterOperations,
  ...statisticsOperations,
} as const satisfies Record<string, Operation>;

export type Operations = typeof operations;
export type OperationId = keyof Operations;
