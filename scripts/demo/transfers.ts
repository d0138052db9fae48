import { deploymentData, supply, tokenAddress, transferData } from "./demo-token.ts";
import { createJsonRpc } from "./json-rpc.ts";

export interface TransfersOptions {
  /** `http://` address of a development node with unlocked accounts. */
  readonly url: string;
  /** Transfers sent at each tick. */
  readonly transfersPerTick: number;
  /** Time between ticks: about the chain's block time. */
  readonly tickMs: number;
  /** A node that stopped answering ends the demo. Called once. */
  readonly onError: (error: Error) => void;
}

/** A demo chain's traffic: an ERC-20 and people who keep sending it to each other. */
export interface Transfers {
  /** Lower-case address of the token, known before it is deployed. */
  readonly token: string;
  /** Deploys the token and begins. */
  start(): Promise<void>;
  /** Ends the transfers. Resolves when none is pending: every one sent is in a block. */
  stop(): Promise<void>;
  /** What the chain itself says: its height, and the number of logs in all its blocks. */
  count(): Promise<{ readonly height: number; readonly logs: number }>;
}

const transferGas = "0x186a0";
const deploymentGas = "0x2dc6c0";
const pendingDeadlineMs = 15_000;
const pollMs = 50;

/** Starts nothing; reads the node's accounts, of which the first one deploys. */
export async function createTransfers(options: TransfersOptions): Promise<Transfers> {
  const rpc = createJsonRpc(options.url);
  const [accounts] = (await rpc([["eth_accounts", []]])) as [string[]];
  const deployer = accounts[0];
  if (deployer === undefined) throw new Error(`${options.url} has no unlocked account`);
  const token = tokenAddress(deployer);
  let timer: NodeJS.Timeout | undefined;
  let ticking: Promise<void> = Promise.resolve();
  let turn = 0;

  /** Each account passes a few tokens to its neighbours, so all keep about as much as they had. */
  function nextTransfer(): [string, unknown[]] {
    const from = accounts[turn % accounts.length];
    const to = accounts[(turn + 1 + (turn % (accounts.length - 1))) % accounts.length] ?? deployer;
    turn += 1;
    const value = BigInt(1 + (turn % 997)) * 10n ** 16n;
    return [
      "eth_sendTransaction",
      [{ from, to: token, gas: transferGas, data: transferData(to ?? "", value) }],
    ];
  }

  async function tick(): Promise<void> {
    await rpc(Array.from({ length: options.transfersPerTick }, nextTransfer));
  }

  return {
    token,

    async start() {
      await rpc([["eth_sendTransaction", [{ from: deployer, gas: deploymentGas, data: deploymentData() }]]]);
      const share = supply / BigInt(accounts.length);
      const shares = accounts.slice(1).map((account) => {
        const data = transferData(account, share);
        return ["eth_sendTransaction", [{ from: deployer, to: token, gas: transferGas, data }]] as const;
      });
      await rpc(shares);
      timer = setInterval(() => {
        ticking = ticking.then(tick).catch((error: unknown) => {
          clearInterval(timer);
          options.onError(error instanceof Error ? error : new Error(String(error)));
        });
      }, options.tickMs);
    },

    async stop() {
      clearInterval(timer);
      await ticking;
      const deadline = Date.now() + pendingDeadlineMs;
      while (Date.now() < deadline) {
        const [status] = (await rpc([["txpool_status", []]])) as [{ pending: string; queued: string }];
        if (Number(status.pending) + Number(status.queued) === 0) return;
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
      throw new Error(`${options.url} did not mine its pending transfers in ${pendingDeadlineMs} ms`);
    },

    async count() {
      const [height, logs] = (await rpc([
        ["eth_blockNumber", []],
        ["eth_getLogs", [{ fromBlock: "0x0", toBlock: "latest" }]],
      ])) as [string, unknown[]];
      return { height: Number(height), logs: logs.length };
    },
  };
}
