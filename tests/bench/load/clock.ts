/** The machine's monotonic clock in milliseconds: the same in every process, so that one may subtract another's time. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
