-- What happened, typed, for every question about the past. Rows arrive through the Kafka tables that are rendered from
-- the topology; each table keeps where its record stood (_topic, _partition, _offset), so that duplicates can be proven.
--
-- At-least-once made exact: ReplacingMergeTree by the natural id of a record. A duplicate merges away only inside one
-- partition, so partitions follow the record's own time and never its arrival. Quarters, because one insert of a
-- back-fill may touch no more than 100 partitions. TTL follows arrival, or old blocks would be deleted when they come in.

CREATE TABLE IF NOT EXISTS blocks (
  chain_id       UInt64,
  sequence       UInt64 CODEC(Delta, ZSTD(1)),
  kind           LowCardinality(String),
  added_sequence UInt64 CODEC(Delta, ZSTD(1)),
  number         UInt64 CODEC(Delta, ZSTD(1)),
  hash           FixedString(32),
  parent_hash    FixedString(32),
  time           DateTime('UTC') CODEC(Delta, ZSTD(1)),
  log_count      UInt32 CODEC(ZSTD(1)),
  digest         FixedString(32),
  proof          LowCardinality(String),
  seen_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  _topic         LowCardinality(String),
  _partition     UInt32,
  _offset        UInt64 CODEC(Delta, ZSTD(1)),
  ingested_at    DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1)),
  INDEX number number TYPE minmax
) ENGINE = ReplacingMergeTree(ingested_at)
PARTITION BY toStartOfQuarter(time)
ORDER BY (chain_id, sequence);

-- In the order of the chain: neighbours share block, transaction and contract, which is what compresses them.
-- A contract is found by the bloom filter; it skips the blocks in which the contract is silent.
CREATE TABLE IF NOT EXISTS logs (
  chain_id          UInt64,
  block_number      UInt64 CODEC(Delta, ZSTD(1)),
  block_hash        FixedString(32) CODEC(ZSTD(3)),
  block_time        DateTime('UTC') CODEC(Delta, ZSTD(1)),
  transaction_hash  FixedString(32) CODEC(ZSTD(3)),
  transaction_index UInt32 CODEC(Delta, ZSTD(1)),
  log_index         UInt32 CODEC(Delta, ZSTD(1)),
  address           FixedString(20) CODEC(ZSTD(3)),
  -- Bytes of the topics; an absent one is 32 zero bytes, topic_count tells them apart.
  topic_count       UInt8,
  topic0            FixedString(32) CODEC(ZSTD(3)),
  topic1            FixedString(32) CODEC(ZSTD(3)),
  topic2            FixedString(32) CODEC(ZSTD(3)),
  topic3            FixedString(32) CODEC(ZSTD(3)),
  -- The bytes themselves, not their hex text.
  data              String CODEC(ZSTD(3)),
  kind              LowCardinality(String),
  sequence          UInt64 CODEC(Delta, ZSTD(1)),
  added_sequence    UInt64 CODEC(Delta, ZSTD(1)),
  proof             LowCardinality(String),
  seen_at           DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  _topic            LowCardinality(String),
  _partition        UInt32 CODEC(ZSTD(1)),
  _offset           UInt64 CODEC(T64('bit'), ZSTD(1)),
  ingested_at       DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1)),
  -- The first two words of the data as numbers: an amount, a price, a liquidity. Computed when asked for.
  word0             UInt256 ALIAS reinterpretAsUInt256(reverse(substring(data, 1, 32))),
  word1             UInt256 ALIAS reinterpretAsUInt256(reverse(substring(data, 33, 32))),
  INDEX address address TYPE bloom_filter(0.01),
  INDEX topic0 topic0 TYPE bloom_filter(0.01),
  INDEX topic1 topic1 TYPE bloom_filter(0.01),
  INDEX topic2 topic2 TYPE bloom_filter(0.01),
  INDEX transaction_hash transaction_hash TYPE bloom_filter(0.01),
  INDEX block_time block_time TYPE minmax,
  INDEX sequence sequence TYPE minmax
) ENGINE = ReplacingMergeTree(ingested_at)
PARTITION BY toStartOfQuarter(block_time)
ORDER BY (chain_id, block_number, log_index, sequence)
TTL ingested_at + INTERVAL 90 DAY;

-- One row a webhook. A record that is released or replayed carries the same id; the first one, from the match, is kept.
CREATE TABLE IF NOT EXISTS deliveries (
  user_id          LowCardinality(String),
  block_time       DateTime('UTC') CODEC(Delta, ZSTD(1)),
  webhook_id       String CODEC(ZSTD(1)),
  application_id   LowCardinality(String),
  endpoint_id      LowCardinality(String),
  chain_id         UInt64 CODEC(ZSTD(1)),
  block_number     UInt64 CODEC(Delta, ZSTD(1)),
  block_hash       FixedString(32) CODEC(ZSTD(3)),
  transaction_hash FixedString(32) CODEC(ZSTD(3)),
  log_index        UInt32 CODEC(ZSTD(1)),
  contract         FixedString(20) CODEC(ZSTD(3)),
  kind             LowCardinality(String),
  sequence         UInt64 CODEC(Delta, ZSTD(1)),
  added_sequence   UInt64 CODEC(Delta, ZSTD(1)),
  finality         LowCardinality(String),
  format           LowCardinality(String),
  filter_version   UInt64 CODEC(ZSTD(1)),
  why              String CODEC(ZSTD(3)),
  body             String CODEC(ZSTD(3)),
  seen_at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  matched_at       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  attempts_made    UInt16 CODEC(ZSTD(1)),
  origin           LowCardinality(String),
  batch            Array(String) CODEC(ZSTD(1)),
  -- Which of several records with one webhook id stays: the match before a release before a replay.
  precedence       UInt8 CODEC(ZSTD(1)),
  _topic           LowCardinality(String),
  _partition       UInt32 CODEC(ZSTD(1)),
  _offset          UInt64 CODEC(ZSTD(1)),
  ingested_at      DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1)),
  INDEX endpoint_id endpoint_id TYPE set(64),
  INDEX webhook_id webhook_id TYPE bloom_filter(0.01),
  INDEX contract contract TYPE bloom_filter(0.01),
  INDEX transaction_hash transaction_hash TYPE bloom_filter(0.01)
) ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toStartOfQuarter(block_time)
ORDER BY (user_id, block_time, webhook_id)
TTL ingested_at + INTERVAL 30 DAY;

CREATE TABLE IF NOT EXISTS attempts (
  user_id         LowCardinality(String),
  started_at      DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  attempt_id      String CODEC(ZSTD(1)),
  webhook_id      String CODEC(ZSTD(1)),
  application_id  LowCardinality(String),
  endpoint_id     LowCardinality(String),
  chain_id        UInt64 CODEC(ZSTD(1)),
  -- The log that it tells of, zeros in a test. A user's neighbours share their block, so its hash is a word of a dictionary.
  block_hash      LowCardinality(FixedString(32)) CODEC(ZSTD(1)),
  log_index       UInt32 CODEC(T64, ZSTD(1)),
  event_id        String ALIAS if(chain_id = 0, '', concat(toString(chain_id), ':0x', lower(hex(block_hash)), ':', toString(log_index))),
  attempt         UInt16 CODEC(ZSTD(1)),
  outcome         LowCardinality(String),
  -- 0 when there was no answer.
  status_code     UInt16 CODEC(ZSTD(1)),
  error           LowCardinality(String),
  response_body   String CODEC(ZSTD(3)),
  -- Times to a hundredth of a millisecond: what is finer is noise, and noise does not compress.
  connect_ms      Nullable(Decimal(18, 2)) CODEC(T64, ZSTD(1)),
  tls_ms          Nullable(Decimal(18, 2)) CODEC(T64, ZSTD(1)),
  -- From the answer's first byte to its last: a small number, where the time of the first byte would be as large as the total.
  answer_ms       Nullable(Decimal(18, 2)) CODEC(T64, ZSTD(1)),
  total_ms        Decimal(18, 2) CODEC(T64, ZSTD(1)),
  first_byte_ms   Nullable(Decimal(18, 2)) ALIAS total_ms - answer_ms,
  e2e_ms          Nullable(Decimal(18, 2)) CODEC(T64, ZSTD(1)),
  next_attempt_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
  origin          LowCardinality(String),
  -- Ids of all webhooks that one POST carries, when it carries several: each is found by its own id.
  batch           Array(String) CODEC(ZSTD(1)),
  request_bytes   UInt32 CODEC(T64, ZSTD(1)),
  _topic          LowCardinality(String),
  _partition      UInt32 CODEC(ZSTD(1)),
  _offset         UInt64 CODEC(T64('bit'), ZSTD(1)),
  ingested_at     DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1)),
  INDEX endpoint_id endpoint_id TYPE set(64),
  INDEX webhook_id webhook_id TYPE bloom_filter(0.01),
  INDEX batch batch TYPE bloom_filter(0.01)
) ENGINE = ReplacingMergeTree(ingested_at)
PARTITION BY toStartOfMonth(started_at)
ORDER BY (user_id, started_at, attempt_id)
TTL ingested_at + INTERVAL 30 DAY;

-- The few attempts that tell which webhooks were never delivered: those that failed, and those that may have made it good.
CREATE TABLE IF NOT EXISTS troubled_attempts (
  user_id     LowCardinality(String),
  started_at  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  attempt_id  String CODEC(ZSTD(1)),
  webhook_id  String CODEC(ZSTD(1)),
  outcome     LowCardinality(String),
  ingested_at DateTime('UTC') CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(ingested_at)
PARTITION BY toStartOfMonth(started_at)
ORDER BY (user_id, started_at, attempt_id, webhook_id)
TTL ingested_at + INTERVAL 30 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS troubled_attempts_seen TO troubled_attempts AS
SELECT user_id, started_at, attempt_id, arrayJoin(if(empty(batch), [attempts.webhook_id], batch)) AS webhook_id, outcome, ingested_at
FROM attempts
WHERE outcome != 'delivered' OR attempt > 1 OR origin NOT IN ('match', 'release');

-- A webhook that dies again after a redrive is another row.
CREATE TABLE IF NOT EXISTS dead_deliveries (
  user_id        LowCardinality(String),
  dead_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  webhook_id     String CODEC(ZSTD(1)),
  application_id LowCardinality(String),
  endpoint_id    LowCardinality(String),
  chain_id       UInt64 CODEC(ZSTD(1)),
  event_id       String CODEC(ZSTD(1)),
  block_number   UInt64 CODEC(Delta, ZSTD(1)),
  contract       FixedString(20) CODEC(ZSTD(3)),
  reason         LowCardinality(String),
  detail         String CODEC(ZSTD(3)),
  attempts       UInt16 CODEC(ZSTD(1)),
  _topic         LowCardinality(String),
  _partition     UInt32 CODEC(ZSTD(1)),
  _offset        UInt64 CODEC(ZSTD(1)),
  ingested_at    DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1)),
  INDEX webhook_id webhook_id TYPE bloom_filter(0.01)
) ENGINE = ReplacingMergeTree(ingested_at)
PARTITION BY toStartOfMonth(dead_at)
ORDER BY (user_id, dead_at, webhook_id)
TTL ingested_at + INTERVAL 90 DAY;

-- Records of logs.* that no version could read, byte for byte.
CREATE TABLE IF NOT EXISTS dead_logs (
  source_topic     LowCardinality(String),
  source_partition Int64,
  source_offset    Int64,
  reason           String CODEC(ZSTD(3)),
  group_id         LowCardinality(String),
  dead_at          DateTime64(3, 'UTC'),
  key              String CODEC(ZSTD(3)),
  value            String CODEC(ZSTD(3)),
  _topic           LowCardinality(String),
  _partition       UInt32,
  _offset          UInt64,
  ingested_at      DateTime('UTC') DEFAULT now()
) ENGINE = ReplacingMergeTree(ingested_at)
ORDER BY (source_topic, source_partition, source_offset, group_id)
TTL ingested_at + INTERVAL 90 DAY;

-- Records that ClickHouse itself could not read, or that were written by a later version: where they stand and why.
CREATE TABLE IF NOT EXISTS ingest_errors (
  _topic      LowCardinality(String),
  _partition  UInt32,
  _offset     UInt64,
  _key        String CODEC(ZSTD(3)),
  reason      String CODEC(ZSTD(3)),
  -- The record's first 64 KiB, when the parser refused it.
  raw         String CODEC(ZSTD(3)),
  ingested_at DateTime('UTC') DEFAULT now()
) ENGINE = ReplacingMergeTree(ingested_at)
ORDER BY (_topic, _partition, _offset)
TTL ingested_at + INTERVAL 90 DAY;
