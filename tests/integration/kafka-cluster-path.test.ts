import { webhookId } from "@ethhook/schemas";
import { startReceiver, type Receipt, type Receiver } from "@ethhook/scripts/demo-receiver";
import { compareLedger } from "@ethhook/scripts/ledger";
import { builtInChains, type LagReport } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { steadily } from "../support/cluster-loads.ts";
import { runCommand } from "../support/command.ts";
import { readLedger, readLogs } from "../support/read-topics.ts";
import { type RecordedChain, startRecordedChain } from "../support/recorded-chain.ts";
import { makeSyntheticBranch } from "../support/synthetic-blocks.ts";
import { until } from "../support/until.ts";
import { startWholePath, type WholePath } from "../support/whole-path.ts";

const ethereum = builtInChains[0]!;
const firstBlock = 1_000;
/** Of seven contracts. */
const logsABlock = 14;
const blockEveryMs = 200;
/** Enough for a minute and a half. */
const blocksMax = 450;

let path: WholePath;
let chain: RecordedChain;
let receiver: Receiver;
let endpointId: string;
const receipts: Receipt[] = [];

beforeAll(async () => {
  const logsOf = () => logsABlock;
  const blocks = await makeSyntheticBranch({
    from: firstBlock,
    count: blocksMax,
    logsOf,
    withReceiptsRoot: false,
  });
  chain = await startRecordedChain({ chainId: ethereum.id, blocks, visible: 1 });
  receiver = await startReceiver((receipt) => void receipts.push(receipt));
  path = await startWholePath({ brokers: 3 });
  const api = await path.newUser(await path.start("api"));
  const { id: applicationId } = await api("createApplication", { body: { name: "cluster" } });
  const body = {
    url: `${receiver.url}/hook`,
    filter: { chains: ["ethereum"] },
    delivery: { ordering: "contract" as const },
  };
  const { id, secret = "" } = await api("createEndpoint", { params: { applicationId }, body });
  receiver.trust("/hook", secret);
  endpointId = id;
  await Promise.all([path.start("matcher"), path.start("delivery")]);
  await path.start("ingestor", { ETHEREUM_WS_URL: chain.wsUrl });
}, 120_000);
afterAll(async () => {
  await path?.stop();
  await receiver?.stop();
  await chain?.stop();
});

/** The chain goes on while `work` is under way. @returns how many blocks there are then. */
async function underLoad(work: () => Promise<void>): Promise<number> {
  const stop = steadily(blockEveryMs, () => void chain.next());
  try {
    await work();
  } finally {
    await stop();
  }
  return Number(chain.head.block.number) - firstBlock + 1;
}

async function goesOn(what: string): Promise<void> {
  const arrived = (): number => new Set(receipts.map((receipt) => receipt.webhookId)).size;
  const before = arrived();
  await until(what, arrived, (count) => count > before + 50, 60_000);
}

test("a broker is killed under load and comes back: no webhook is lost, changed or before its contract's earlier one", async () => {
  const blocks = await underLoad(async () => {
    await goesOn("webhooks arrive");
    await path.cluster?.kill(2);
    await goesOn("webhooks arrive without it");
    await path.cluster?.restart(2);
    await goesOn("webhooks arrive with it again");
  });
  const ledger = await until(
    "every block is published",
    () => readLedger(path.kafka, path.topology, ethereum),
    ({ length }) => length >= blocks,
  );
  expect(ledger.map(({ sequence, number }) => [sequence, number])).toEqual(
    Array.from({ length: blocks }, (_, index) => [index + 1, firstBlock + index]),
  );
  const logs = await readLogs(path.kafka, path.topology, ethereum);
  expect(logs).toHaveLength(blocks * logsABlock);
  const sent = logs.map(({ chainId, blockHash, logIndex, sequence, address }) => {
    const eventId = `${chainId}:${blockHash}:${logIndex}`;
    return { webhookId: webhookId({ eventId, sequence, endpointId, kind: "new" }), order: address };
  });
  const compared = () =>
    compareLedger(
      sent,
      receipts.map((receipt) => ({ ...receipt, taken: true })),
    );
  await until(
    "every webhook",
    () => compared().lost.length,
    (lost) => lost === 0,
  );
  expect(compared()).toMatchObject({ lost: [], unknown: [], changed: [], reordered: [] });
  expect(path.notices).toEqual([]);
}, 180_000);

test("lag and topology answer from the moment at which a broker is gone", async () => {
  await path.cluster?.kill(3);
  const [lag, topology] = await Promise.all([
    runCommand("lag", ["--json", "--group", "delivery"], path.urls),
    runCommand("topology", ["check"], path.urls),
  ]);
  expect({ code: lag.code, stderr: lag.stderr }).toEqual({ code: 0, stderr: "" });
  const [group] = (JSON.parse(lag.stdout) as LagReport).groups;
  expect(group).toMatchObject({ group: "delivery", state: "Stable", members: 1, records: 0 });
  expect(topology).toEqual({ code: 0, stdout: "the broker is as declared\n", stderr: "" });
});
