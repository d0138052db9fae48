/**
 * Who writes a chain. Of all processes that run it one leads, the others stand by, connected and ready. This only spares
 * quarrel: what keeps two of them from writing is the transactional id, which fences all but the newest holder.
 */
export interface Leadership {
  /**
   * Calls `lead` each time this process is elected, until `stop` is aborted; resolves when it has left.
   * @param lead gets a signal that is aborted when the seat is lost, and returns soon after. Returning before that gives
   * the seat up: `lead` is called again when it is certain that this process still is the one. It never rejects.
   */
  run(lead: (seat: AbortSignal) => Promise<void>, stop: AbortSignal): Promise<void>;
  /** `waiting`: not elected yet, or not reachable. */
  state(): "leading" | "standby" | "waiting";
}
