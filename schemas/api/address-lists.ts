import { z } from "zod";
import { listNamePattern } from "../filter/parse.ts";
import { instant, pageOf, pageQuery } from "./fields.ts";
import type { Operation } from "./operation.ts";

/** Addresses of one change. More go in several calls: each is effective by itself. */
export const addressesPerChangeMax = 50_000;
/** Addresses of one list. */
export const addressListSizeMax = 1_000_000;

const listName = z
  .string()
  .regex(listNamePattern, "expected up to 64 letters, digits, dots, dashes or underscores")
  .meta({ description: "Name of a list, as a filter names it: `addresses: {list: name}`" });

const anyAddress = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "expected 0x and 40 hex digits")
  .transform((text) => text.toLowerCase());

const addresses = z.array(anyAddress).max(addressesPerChangeMax).default([]);

export const addressListResource = z
  .object({ name: listName, size: z.int(), createdAt: instant })
  .meta({ id: "AddressList" });
export type AddressListResource = z.infer<typeof addressListResource>;

const changeAddressList = z
  .strictObject({ add: addresses, remove: addresses })
  .refine(({ add, remove }) => add.length + remove.length > 0, "names no address to add or remove");

const changedAddressList = addressListResource
  .extend({ version: z.int().meta({ description: "Version of the filter set from which the change holds" }) })
  .meta({ id: "ChangedAddressList" });

const ofList = z.object({ name: listName });

/** Named lists of contracts that filters share. A list is made by its first change. */
export const addressListOperations = {
  changeAddressList: {
    method: "PATCH",
    path: "/v1/address-lists/{name}",
    tag: "address lists",
    summary: "Add and remove addresses; effective within a second, between two blocks",
    auth: "user",
    params: ofList,
    body: changeAddressList,
    status: 200,
    response: changedAddressList,
    errors: ["CONFLICT", "BODY_TOO_LARGE"],
  },
  listAddressLists: {
    method: "GET",
    path: "/v1/address-lists",
    tag: "address lists",
    summary: "All lists, by name",
    auth: "user",
    status: 200,
    response: z.object({ items: z.array(addressListResource) }),
    errors: [],
  },
  listAddresses: {
    method: "GET",
    path: "/v1/address-lists/{name}/addresses",
    tag: "address lists",
    summary: "The addresses of a list, in ascending order; `after` is the last address of the page before",
    auth: "user",
    params: ofList,
    query: pageQuery,
    status: 200,
    response: pageOf(z.string()),
    errors: ["NOT_FOUND"],
  },
} as const satisfies Record<string, Operation>;
