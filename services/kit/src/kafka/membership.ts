import type { Logger } from "../logger.ts";
import { brokerErrorType, isUnreached, messageOf, withDeadline } from "./errors.ts";
import type { ConsumerGroup, Coordinator } from "./group-hooks.ts";

export interface MembershipDeps {
  readonly sessionTimeoutMs: number;
  readonly now: () => number;
  readonly logger: Logger;
}

/**
 * A member's way to the group's coordinator. The membership is not lost with the broker that coordinated: another one loads the group,
 * with its members and its generation, and counts their sessions anew. kafkajs would ask the dead one some times, restart its consumer
 * as a new member, and leave the old one behind, for which all others wait.
 */
export interface Membership {
  /**
   * kafkajs' own heartbeat, left out while the coordinator is looked for.
   * @param beat sends it, when it is due.
   * @throws what ends the membership; also the loss of the coordinator, once the session may be over.
   */
  heartbeat(group: ConsumerGroup, beat: () => Promise<void>): Promise<void>;
  /** Looks for the coordinator, if `error` says that it is away. @returns whether it does. */
  failed(group: ConsumerGroup, error: unknown): boolean;
  /**
   * Before a join, which looks for the coordinator itself. After a restart of kafkajs, a new group object goes on as the member that
   * the one before it was, if that could not leave. A coordinator that does not know it says so, and kafkajs then joins without.
   */
  goOn(group: ConsumerGroup): void;
}

const away: ReadonlySet<string | undefined> = new Set([
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "GROUP_LOAD_IN_PROGRESS",
  "NOT_COORDINATOR_FOR_GROUP",
]);

/** Every fetch ends with a heartbeat: one that hangs must not hold up what other brokers have. */
const waitMs = 500;
const unanswered = new Error("the heartbeat is not answered yet");

export function createMembership({ sessionTimeoutMs, now, logger }: MembershipDeps): Membership {
  let looking: Promise<void> | undefined;
  let beating: Promise<void> | undefined;
  let awaySinceMs: number | undefined;
  let member: ConsumerGroup | undefined;

  async function look(group: ConsumerGroup): Promise<void> {
    try {
      const found: unknown = await group.cluster.findGroupCoordinator({ groupId: group.groupId });
      group.coordinator = found as Coordinator;
      if (group.offsetManager) group.offsetManager.coordinator = found as Coordinator;
    } catch (error) {
      // The next heartbeat asks the old one, fails, and has us look again.
      logger.debug({ event: "consumer.coordinator-not-found", err: error }, messageOf(error));
    }
  }

  function failed(group: ConsumerGroup, error: unknown): boolean {
    if (!isUnreached(error) && !away.has(brokerErrorType(error))) return false;
    if (awaySinceMs === undefined) {
      awaySinceMs = now();
      const fields = { event: "consumer.coordinator-away", err: error };
      logger.warn(fields, `The group's coordinator is away, and looked for: ${messageOf(error)}`);
    }
    looking ??= look(group).finally(() => {
      looking = undefined;
    });
    return true;
  }

  function back(): void {
    if (awaySinceMs === undefined) return;
    const tookMs = now() - awaySinceMs;
    awaySinceMs = undefined;
    logger.info({ event: "consumer.coordinator-found", tookMs }, "The group has a coordinator again");
  }

  async function beatOnce(group: ConsumerGroup, beat: () => Promise<void>, isOver: boolean): Promise<void> {
    const before = group.lastRequest;
    try {
      await beat();
    } catch (error) {
      if (!failed(group, error) || isOver) throw error;
    }
    if (group.lastRequest !== before) back();
  }

  return {
    failed,
    async heartbeat(group, beat) {
      const isOver = awaySinceMs !== undefined && now() - awaySinceMs > sessionTimeoutMs;
      if (beating || (looking && !isOver)) return;
      const mine = beatOnce(group, beat, isOver).finally(() => {
        if (beating === mine) beating = undefined;
      });
      beating = mine;
      await withDeadline(mine, waitMs, () => unanswered).catch((error: unknown) => {
        if (error !== unanswered) throw error;
      });
    },
    goOn(group) {
      awaySinceMs = undefined;
      beating = undefined;
      group.memberId ??= member?.memberId ?? null;
      member = group;
    },
  };
}
