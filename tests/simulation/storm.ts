import { count } from "./faults.ts";
import type { Stage } from "./run.ts";
import type { SimBlock } from "./world.ts";

/** Sets going everything that happens to the chain, its nodes and the processes while the storm lasts. */
export function storm(stage: Stage): void {
  const { scenario, chance, time } = stage;
  const { blockTimeMs } = scenario.chain;
  announceHeads(stage);
  for (let slot = 0; slot < scenario.processes; slot++) stage.start(slot);
  const every = (meanMs: number, happen: () => void): void => {
    const again = (): void => {
      if (!stage.isStorm()) return;
      happen();
      time.after(meanMs * (0.5 + chance.next()), again);
    };
    time.after(meanMs * (0.5 + chance.next()), again);
  };
  every(blockTimeMs, () => void moveChain(stage));
  every(blockTimeMs * 6, () => void moveNode(stage));
  every(blockTimeMs * 8, () => disturbSocket(stage));
  every(scenario.killEveryMs, () => endProcess(stage));
}

/** The chain goes on: usually by a block. */
async function moveChain({ scenario, chance, world, tally }: Stage): Promise<void> {
  if (!chance.hits(scenario.reorgRate)) return world.grow(chance.hits(0.05) ? chance.between(2, 25) : 1);
  const before = world.head;
  const kind = chance.pick(["shallow", "shallow", "deep", "final", "back"] as const);
  const final = before.number - world.finalized.number;
  const depth = {
    shallow: chance.between(1, 2),
    deep: chance.between(3, Math.max(3, final)),
    final: final + chance.between(1, 6),
    back: chance.between(1, 3),
  }[kind];
  const possible = Math.min(depth, before.number - scenario.firstNumber);
  if (possible < 1) return;
  world.adopt(await world.branch(before, possible, possible + chance.between(0, 1)));
  if (kind === "shallow") count(tally, "reorg: shallow");
  if (kind === "deep") count(tally, "reorg: deep");
  if (kind === "final") count(tally, "reorg: below finalized");
  if (kind !== "back") return;
  // The branch that was left grows, and is the chain again.
  count(tally, "reorg: A→B→A");
  world.adopt(await world.branch(before, 0, 2));
}

async function moveNode({ scenario, chance, world, nodes, tally, time, isStorm }: Stage): Promise<void> {
  const node = chance.pick(nodes);
  const forMs = scenario.chain.blockTimeMs * chance.between(2, 10);
  const kind = chance.pick(["lag", "lag", "fork", "elsewhere"] as const);
  if (kind === "lag") {
    node.lag = chance.between(1, 6);
    count(tally, "node: lags behind the head");
  } else if (kind === "fork") {
    const depth = Math.min(chance.between(1, 3), world.head.number - scenario.firstNumber);
    node.fork = await world.branch(world.head, depth, depth + chance.between(0, 2));
    count(tally, "node: wrong fork for a while");
  } else node.isElsewhere = true;
  time.after(forMs, () => {
    if (isStorm()) Object.assign(node, { lag: 0, fork: null, isElsewhere: false });
  });
}

function disturbSocket({ chance, nodes, running }: Stage): void {
  const [node, process] = [chance.pick(nodes), chance.pick([...running.values()])];
  if (process.isAlive()) process.wire.disturb(node, chance.pick(["half-open", "closed"]));
}

function endProcess(stage: Stage): void {
  const { chance, time, running, tally } = stage;
  const slot = chance.pick([...running.keys()]);
  const process = running.get(slot);
  const startAgain = () =>
    time.after(chance.between(200, 8_000), () => {
      if (stage.isStorm() && !running.get(slot)?.isAlive()) stage.start(slot);
    });
  if (!process?.isAlive()) return void startAgain();
  const kind = chance.pick(["kill", "stop", "expire"] as const);
  if (kind === "kill") {
    count(tally, "process: killed");
    process.kill();
    startAgain();
  } else if (kind === "stop") {
    count(tally, "process: stopped and started");
    void process.stop().then(startAgain);
  } else {
    count(tally, "process: taken for dead, goes on writing");
    process.client.expire();
    time.after(chance.between(500, 12_000), () => void process.client.rejoin());
  }
}

/** Nodes announce what they take for the head, and some do it badly. */
function announceHeads(stage: Stage): void {
  const { chance, world, nodes, running, tally } = stage;
  world.onHead((head, before) => {
    for (const node of nodes) {
      if (node.profile.kind !== "ws" || node.fork) continue;
      const lagging = world.at(head, head.number - node.lag) ?? head;
      const send = (said: unknown) => {
        for (const process of running.values()) process.wire.announce(node, said);
      };
      const badly = stage.isStorm() && chance.hits(0.2);
      if (!badly) send(headOf(lagging));
      else
        chance.pick([
          () => count(tally, "head: skipped"),
          () => {
            count(tally, "head: announced twice");
            send(headOf(lagging));
            send(headOf(lagging));
          },
          () => {
            count(tally, "head: an old one again");
            send(headOf(lagging));
            send(headOf(before));
          },
          () => {
            count(tally, "head: malformed");
            send({ ...headOf(lagging), number: null });
          },
        ])();
    }
  });
}

/** As nodes announce: the header without the transactions. */
function headOf(block: SimBlock): Record<string, unknown> {
  const { transactions: _, ...header } = block.recorded.block;
  return header;
}
