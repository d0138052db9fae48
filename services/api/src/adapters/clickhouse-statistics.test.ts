import { expect, test } from "vitest";
import { createClickHouseStatistics } from "./clickhouse-statistics.ts";

const hour = "2026-11-01T10:00:00.000Z";
const period = { sinceMs: Date.parse("2026-11-01T00:00:00Z"), untilMs: Date.parse("2026-11-02T00:00:00Z") };

interface Recent {
  readonly hourText: string;
  readonly isOpen: 0 | 1;
  readonly computedAtMs: number;
}

/** A database whose attempts have these recent hours; it notes where each answer's figures came from. */
function statisticsOf(recent: () => readonly Recent[], computedAtMs: () => number) {
  const asked: string[] = [];
  const statistics = createClickHouseStatistics({
    async rows<T>(query: string): Promise<T[]> {
      if (query.includes("FROM webhook_hours") || query.includes("FROM webhook_statistics")) return [];
      if (query.includes("FROM attempt_hours")) return recent() as T[];
      const fromRows = query.includes("FROM hourly_attempts");
      asked.push(fromRows ? "computed and rows" : "computed");
      const figures = { attempts: fromRows ? 2 : 1, delivered: 1, buckets: [0, 0, 0], measured: 0 };
      return [{ isTotal: 0, hourText: hour, computedAtMs: computedAtMs(), ...figures }] as T[];
    },
    close: async () => undefined,
  });
  const attempts = async (within = period): Promise<number | undefined> => {
    asked.length = 0;
    return (await statistics.byHour("usr_a", {}, within)).hours[0]?.attempts;
  };
  return { attempts, asked };
}

const open = { hourText: hour, isOpen: 1, computedAtMs: 0 } as const;

test("hours that are all computed are asked for once", async () => {
  const { attempts, asked } = statisticsOf(
    () => [],
    () => 1,
  );
  expect(await attempts()).toBe(1);
  expect(asked).toEqual(["computed"]);
});

test("an open hour is counted from its rows: the first time by a second question, from then on by one", async () => {
  let recent: Recent[] = [open];
  const { attempts, asked } = statisticsOf(
    () => recent,
    () => 1,
  );
  expect(await attempts()).toBe(2);
  expect(asked).toEqual(["computed", "computed and rows"]);
  expect(await attempts()).toBe(2);
  expect(asked).toEqual(["computed and rows"]);
  recent = [];
  expect(await attempts()).toBe(1);
  expect(asked).toEqual(["computed and rows", "computed"]);
});

test("an hour that was computed while it was read is read again", async () => {
  const times = [1, 2];
  const { attempts, asked } = statisticsOf(
    () => [{ hourText: hour, isOpen: 0, computedAtMs: 2 }],
    () => times.shift() ?? 2,
  );
  await attempts();
  expect(asked).toEqual(["computed", "computed"]);
  await attempts();
  expect(asked).toEqual(["computed"]);
});

test("an open hour outside of the period is not asked for", async () => {
  let recent: Recent[] = [open];
  const { attempts, asked } = statisticsOf(
    () => recent,
    () => 1,
  );
  await attempts();
  recent = [];
  await attempts({ ...period, sinceMs: Date.parse(hour) + 3_600_000 });
  expect(asked).toEqual(["computed"]);
});
