import { readFileSync } from "node:fs";
import { AbiCoder, getCreateAddress, Interface, type InterfaceAbi } from "ethers";

const artifact = JSON.parse(readFileSync(new URL("contract/DemoToken.json", import.meta.url), "utf8")) as {
  readonly abi: InterfaceAbi;
  readonly bytecode: string;
};
const token = new Interface(artifact.abi);

/** A million tokens of 18 decimals. */
export const supply = 10n ** 24n;

/** The event that every transfer emits, as a filter names it. */
export const transferEvent = "Transfer(address indexed from, address indexed to, uint256 value)";

/** Data of the transaction that deploys the demo token. */
export function deploymentData(): string {
  return artifact.bytecode + AbiCoder.defaultAbiCoder().encode(["uint256"], [supply]).slice(2);
}

/** Data of a transaction that moves `value` (in 10^-18 tokens) to `to`. */
export function transferData(to: string, value: bigint): string {
  return token.encodeFunctionData("transfer", [to, value]);
}

/** Where the token stands once `deployer` has deployed it with their first transaction. Lower case. */
export function tokenAddress(deployer: string): string {
  return getCreateAddress({ from: deployer, nonce: 0 }).toLowerCase();
}
