import type { Dialect, TopicSettings } from "./dialects.ts";
import { lintTopology } from "./lint.ts";
import { released, releasedAs, type ReleasedTopic } from "./released.ts";
import type { Topology } from "./topics.ts";
import type { AnyTopic } from "./types.ts";

/** A topic as a broker describes it. */
export interface BrokerTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** By the broker's names; `isDefault` is false where the value was set on the topic itself. */
  readonly configs: ReadonlyMap<string, { readonly value: string; readonly isDefault: boolean }>;
}

export interface PlanOptions extends TopicSettings {
  readonly dialect: Dialect;
  /** Released topics that may get more partitions although keys then move: the operator's stated override. */
  readonly allowRepartition: readonly string[];
  /** Another lock than the committed one: for tests. */
  readonly lock?: Readonly<Record<string, ReleasedTopic>>;
}

export interface SettingChange {
  readonly setting: string;
  readonly from: string;
  readonly to: string;
}

/** One difference between declaration and broker, and what is to be done about it. */
export type Change =
  | {
      readonly kind: "create";
      readonly topic: string;
      readonly partitions: number;
      readonly replicationFactor: number;
      readonly configs: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "alter";
      readonly topic: string;
      readonly changes: readonly SettingChange[];
      /**
       * Everything to send: the declared settings and those that someone set on the topic. The broker's alter call
       * replaces the whole set, so what is not sent would fall back to its default.
       */
      readonly configs: Readonly<Record<string, string>>;
    }
  | { readonly kind: "add-partitions"; readonly topic: string; readonly from: number; readonly to: number }
  | { readonly kind: "refuse"; readonly topic: string; readonly reason: string; readonly instead: string };

/** A topic on the broker that looks like one of the pipeline's and is not declared: never touched, only told. */
export interface Plan {
  readonly changes: readonly Change[];
  readonly undeclared: readonly string[];
}

/**
 * What would make the broker as declared. Pure. Refusals are changes of their own kind: while one stands, nothing
 * should be applied. A topology that breaks a lint rule is refused whole.
 */
export function planTopology(topology: Topology, broker: readonly BrokerTopic[], options: PlanOptions): Plan {
  const standing = new Map(broker.map((topic) => [topic.name, topic]));
  const changes = topology.topics.flatMap((topic) => planTopic(topic, standing.get(topic.name), options));
  const declared = new Set(topology.topics.map(({ name }) => name));
  const ours = /^(logs|deliveries|attempts|blocks)(\.|$)/;
  const undeclared = broker.map(({ name }) => name).filter((name) => ours.test(name) && !declared.has(name));
  return { changes: [...lintRefusals(topology, changes), ...changes], undeclared };
}

/** Lint findings that no other refusal tells already. */
function lintRefusals(topology: Topology, changes: readonly Change[]): readonly Change[] {
  const refused = new Set(changes.filter(({ kind }) => kind === "refuse").map(({ topic }) => topic));
  return lintTopology(topology)
    .filter(({ rule, at }) => !(rule === "key-released" && refused.has(at)))
    .map(({ rule, at, problem }) => ({
      kind: "refuse",
      topic: at,
      reason: problem,
      instead: `correct the declaration (rule ${rule})`,
    }));
}

function planTopic(
  topic: AnyTopic,
  standing: BrokerTopic | undefined,
  options: PlanOptions,
): readonly Change[] {
  const lock = releasedAs(topic.name, options.lock ?? released);
  if (lock !== undefined && lock.key !== topic.key.name) return [keyChanged(topic, lock)];
  if (lock !== undefined && lock.partitioner !== topic.partitioner.kind)
    return [partitionerChanged(topic, lock)];
  const configs = options.dialect.settings(topic, options);
  if (standing === undefined) {
    const { name, partitions } = topic;
    return [
      { kind: "create", topic: name, partitions, replicationFactor: options.replicationFactor, configs },
    ];
  }
  return [...planPartitions(topic, standing, options), ...planSettings(topic, standing, configs)];
}

function planPartitions(topic: AnyTopic, standing: BrokerTopic, options: PlanOptions): readonly Change[] {
  const { name, partitions } = topic;
  if (standing.partitions === partitions) return [];
  if (standing.partitions > partitions) {
    const reason = `the broker has ${standing.partitions} partitions, declared are ${partitions}: partitions cannot be removed`;
    return [
      {
        kind: "refuse",
        topic: name,
        reason,
        instead: "declare a topic with a new name and move its readers",
      },
    ];
  }
  // An explicit partitioner places each message itself: more partitions move nothing.
  const keysMove = topic.partitioner.kind === "key-hash";
  if (keysMove && !options.allowRepartition.includes(name)) {
    const reason = `from ${standing.partitions} to ${partitions} partitions, records of one ${topic.key.name} would stand on two of them, out of order`;
    const instead = `drain the topic and state --allow-repartition ${name}, or declare a topic with a new name`;
    return [{ kind: "refuse", topic: name, reason, instead }];
  }
  return [{ kind: "add-partitions", topic: name, from: standing.partitions, to: partitions }];
}

function planSettings(
  topic: AnyTopic,
  standing: BrokerTopic,
  declared: Readonly<Record<string, string>>,
): readonly Change[] {
  const changes = Object.entries(declared).flatMap(([setting, to]) => {
    const from = standing.configs.get(setting)?.value;
    return from === to ? [] : [{ setting, from: from ?? "(not set)", to }];
  });
  if (changes.length === 0) return [];
  const setByOthers = [...standing.configs].filter(([, { isDefault }]) => !isDefault);
  const configs = {
    ...Object.fromEntries(setByOthers.map(([name, { value }]) => [name, value])),
    ...declared,
  };
  return [{ kind: "alter", topic: topic.name, changes, configs }];
}

function keyChanged(topic: AnyTopic, lock: ReleasedTopic): Change {
  return {
    kind: "refuse",
    topic: topic.name,
    reason: `it was released with key “${lock.key}”; with key “${topic.key.name}” old and new records of one thing would stand on different partitions`,
    instead: "declare a topic with a new name",
  };
}

function partitionerChanged(topic: AnyTopic, lock: ReleasedTopic): Change {
  return {
    kind: "refuse",
    topic: topic.name,
    reason: `it was released with the ${lock.partitioner} partitioner, declared is ${topic.partitioner.kind}`,
    instead: "declare a topic with a new name",
  };
}
