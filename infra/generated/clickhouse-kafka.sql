-- Rendered from the topology by `npm run topology -- render --write`. Do not edit; `npm run migrate` applies it.

CREATE TABLE logs_kafka (
  v UInt64,
  kind String,
  chainId UInt64,
  blockNumber UInt64,
  blockHash String,
  blockTimestamp UInt64,
  transactionHash String,
  transactionIndex UInt64,
  logIndex UInt64,
  address String,
  topics Array(String),
  data String,
  sequence UInt64,
  addedSequence UInt64,
  proof String,
  seenAtMs Float64
) ENGINE = Kafka(ethhook_kafka)
SETTINGS
  kafka_topic_list = 'logs.ethereum,logs.arbitrum,logs.optimism,logs.base',
  kafka_group_name = 'clickhouse.logs',
  kafka_format = 'JSONEachRow',
  kafka_num_consumers = 1,
  kafka_flush_interval_ms = 250,
  kafka_poll_timeout_ms = 50,
  kafka_consumer_reschedule_ms = 100,
  kafka_handle_error_mode = 'stream',
  kafka_max_block_size = 65536,
  input_format_skip_unknown_fields = 1,
  input_format_null_as_default = 1;

CREATE TABLE logs_stream (
  v UInt64,
  kind String,
  chainId UInt64,
  blockNumber UInt64,
  blockHash String,
  blockTimestamp UInt64,
  transactionHash String,
  transactionIndex UInt64,
  logIndex UInt64,
  address String,
  topics Array(String),
  data String,
  sequence UInt64,
  addedSequence UInt64,
  proof String,
  seenAtMs Float64,
  _record_topic LowCardinality(String),
  _record_partition UInt64,
  _record_offset UInt64,
  _record_key String,
  _header_names Array(String),
  _header_values Array(String),
  _raw String,
  problem String
) ENGINE = Null;

CREATE MATERIALIZED VIEW logs_rows TO logs AS SELECT
  chainId AS chain_id,
  blockNumber AS block_number,
  CAST(substring(unhex(substring(blockHash, 3)), 1, 32) AS FixedString(32)) AS block_hash,
  toDateTime(least(blockTimestamp, 4102444800), 'UTC') AS block_time,
  CAST(substring(unhex(substring(transactionHash, 3)), 1, 32) AS FixedString(32)) AS transaction_hash,
  toUInt32(transactionIndex) AS transaction_index,
  toUInt32(logIndex) AS log_index,
  CAST(substring(unhex(substring(address, 3)), 1, 20) AS FixedString(20)) AS address,
  toUInt8(length(topics)) AS topic_count,
  CAST(substring(unhex(substring(topics[1], 3)), 1, 32) AS FixedString(32)) AS topic0,
  CAST(substring(unhex(substring(topics[2], 3)), 1, 32) AS FixedString(32)) AS topic1,
  CAST(substring(unhex(substring(topics[3], 3)), 1, 32) AS FixedString(32)) AS topic2,
  CAST(substring(unhex(substring(topics[4], 3)), 1, 32) AS FixedString(32)) AS topic3,
  unhex(substring(data, 3)) AS data,
  kind,
  sequence,
  addedSequence AS added_sequence,
  proof,
  fromUnixTimestamp64Milli(toInt64(least(greatest(seenAtMs, 0.), 4102444800000.)), 'UTC') AS seen_at,
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset
FROM logs_stream WHERE problem = '';

CREATE MATERIALIZED VIEW logs_errors TO ingest_errors AS SELECT
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset,
  _record_key AS _key,
  problem AS reason,
  _raw AS raw
FROM logs_stream WHERE problem != '';

CREATE MATERIALIZED VIEW logs_feed TO logs_stream AS SELECT
  v,
  kind,
  chainId,
  blockNumber,
  blockHash,
  blockTimestamp,
  transactionHash,
  transactionIndex,
  logIndex,
  address,
  topics,
  data,
  sequence,
  addedSequence,
  proof,
  seenAtMs,
  _topic AS _record_topic,
  _partition AS _record_partition,
  _offset AS _record_offset,
  _key AS _record_key,
  `_headers.name` AS _header_names,
  `_headers.value` AS _header_values,
  substring(_raw_message, 1, 65536) AS _raw,
  multiIf(
    length(_error) > 0, _error,
    v > 1, 'written by a later version of EthHook: upgrade, then replay this offset',
    chainId = 0, 'no chainId',
    length(blockHash) != 66, 'blockHash is not 32 bytes',
    length(transactionHash) != 66, 'transactionHash is not 32 bytes',
    length(address) != 42, 'address is not 20 bytes',
    length(topics) > 4 OR arrayExists(t -> length(t) != 66, topics), 'topics are not at most 4 of 32 bytes',
    kind NOT IN ('new', 'removed'), 'kind is neither new nor removed',
    ''
  ) AS problem
FROM logs_kafka
COMMENT 'd43a0d6b4a1861cde7d70c887dddea04145652f2e74ab8e4005ca29f12ea5127';

CREATE TABLE blocks_kafka (
  v UInt64,
  kind String,
  chainId UInt64,
  sequence UInt64,
  addedSequence UInt64,
  number UInt64,
  hash String,
  parentHash String,
  timestamp UInt64,
  logCount UInt64,
  digest String,
  proof String,
  seenAtMs Float64
) ENGINE = Kafka(ethhook_kafka)
SETTINGS
  kafka_topic_list = 'blocks',
  kafka_group_name = 'clickhouse.blocks',
  kafka_format = 'JSONEachRow',
  kafka_num_consumers = 1,
  kafka_flush_interval_ms = 250,
  kafka_poll_timeout_ms = 50,
  kafka_consumer_reschedule_ms = 100,
  kafka_handle_error_mode = 'stream',
  kafka_max_block_size = 65536,
  input_format_skip_unknown_fields = 1,
  input_format_null_as_default = 1;

CREATE TABLE blocks_stream (
  v UInt64,
  kind String,
  chainId UInt64,
  sequence UInt64,
  addedSequence UInt64,
  number UInt64,
  hash String,
  parentHash String,
  timestamp UInt64,
  logCount UInt64,
  digest String,
  proof String,
  seenAtMs Float64,
  _record_topic LowCardinality(String),
  _record_partition UInt64,
  _record_offset UInt64,
  _record_key String,
  _header_names Array(String),
  _header_values Array(String),
  _raw String,
  problem String
) ENGINE = Null;

CREATE MATERIALIZED VIEW blocks_rows TO blocks AS SELECT
  chainId AS chain_id,
  sequence,
  kind,
  addedSequence AS added_sequence,
  number,
  CAST(substring(unhex(substring(hash, 3)), 1, 32) AS FixedString(32)) AS hash,
  CAST(substring(unhex(substring(parentHash, 3)), 1, 32) AS FixedString(32)) AS parent_hash,
  toDateTime(least(timestamp, 4102444800), 'UTC') AS time,
  toUInt32(logCount) AS log_count,
  CAST(substring(unhex(substring(concat('0x', digest), 3)), 1, 32) AS FixedString(32)) AS digest,
  proof,
  fromUnixTimestamp64Milli(toInt64(least(greatest(seenAtMs, 0.), 4102444800000.)), 'UTC') AS seen_at,
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset
FROM blocks_stream WHERE problem = '';

CREATE MATERIALIZED VIEW blocks_errors TO ingest_errors AS SELECT
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset,
  _record_key AS _key,
  problem AS reason,
  _raw AS raw
FROM blocks_stream WHERE problem != '';

CREATE MATERIALIZED VIEW blocks_feed TO blocks_stream AS SELECT
  v,
  kind,
  chainId,
  sequence,
  addedSequence,
  number,
  hash,
  parentHash,
  timestamp,
  logCount,
  digest,
  proof,
  seenAtMs,
  _topic AS _record_topic,
  _partition AS _record_partition,
  _offset AS _record_offset,
  _key AS _record_key,
  `_headers.name` AS _header_names,
  `_headers.value` AS _header_values,
  substring(_raw_message, 1, 65536) AS _raw,
  multiIf(
    length(_error) > 0, _error,
    v > 1, 'written by a later version of EthHook: upgrade, then replay this offset',
    chainId = 0 OR sequence = 0, 'no chainId or no sequence',
    length(hash) != 66, 'hash is not 32 bytes',
    length(digest) != 64, 'digest is not 32 bytes',
    ''
  ) AS problem
FROM blocks_kafka
COMMENT 'ba75c1feac206227035ec5b2b3e202b996d577637e157ec06dcf22c59e2c37e7';

CREATE TABLE deliveries_kafka (
  v UInt64,
  webhookId String,
  kind String,
  endpointId String,
  applicationId String,
  userId String,
  chainId UInt64,
  blockNumber UInt64,
  blockHash String,
  blockTimestamp UInt64,
  transactionHash String,
  logIndex UInt64,
  contract String,
  sequence UInt64,
  addedSequence UInt64,
  finality String,
  format String,
  filterVersion UInt64,
  why String,
  body String,
  seenAtMs Float64,
  matchedAtMs Float64,
  attemptsMade UInt64,
  batch Array(String),
  origin String
) ENGINE = Kafka(ethhook_kafka)
SETTINGS
  kafka_topic_list = 'deliveries,deliveries.replay',
  kafka_group_name = 'clickhouse.deliveries',
  kafka_format = 'JSONEachRow',
  kafka_num_consumers = 1,
  kafka_flush_interval_ms = 250,
  kafka_poll_timeout_ms = 50,
  kafka_consumer_reschedule_ms = 100,
  kafka_handle_error_mode = 'stream',
  kafka_max_block_size = 65536,
  input_format_skip_unknown_fields = 1,
  input_format_null_as_default = 1;

CREATE TABLE deliveries_stream (
  v UInt64,
  webhookId String,
  kind String,
  endpointId String,
  applicationId String,
  userId String,
  chainId UInt64,
  blockNumber UInt64,
  blockHash String,
  blockTimestamp UInt64,
  transactionHash String,
  logIndex UInt64,
  contract String,
  sequence UInt64,
  addedSequence UInt64,
  finality String,
  format String,
  filterVersion UInt64,
  why String,
  body String,
  seenAtMs Float64,
  matchedAtMs Float64,
  attemptsMade UInt64,
  batch Array(String),
  origin String,
  _record_topic LowCardinality(String),
  _record_partition UInt64,
  _record_offset UInt64,
  _record_key String,
  _header_names Array(String),
  _header_values Array(String),
  _raw String,
  problem String
) ENGINE = Null;

CREATE MATERIALIZED VIEW deliveries_rows TO deliveries AS SELECT
  userId AS user_id,
  toDateTime(least(blockTimestamp, 4102444800), 'UTC') AS block_time,
  webhookId AS webhook_id,
  applicationId AS application_id,
  endpointId AS endpoint_id,
  chainId AS chain_id,
  blockNumber AS block_number,
  CAST(substring(unhex(substring(blockHash, 3)), 1, 32) AS FixedString(32)) AS block_hash,
  CAST(substring(unhex(substring(transactionHash, 3)), 1, 32) AS FixedString(32)) AS transaction_hash,
  toUInt32(logIndex) AS log_index,
  CAST(substring(unhex(substring(contract, 3)), 1, 20) AS FixedString(20)) AS contract,
  kind,
  sequence,
  addedSequence AS added_sequence,
  finality,
  format,
  filterVersion AS filter_version,
  why,
  body,
  fromUnixTimestamp64Milli(toInt64(least(greatest(seenAtMs, 0.), 4102444800000.)), 'UTC') AS seen_at,
  fromUnixTimestamp64Milli(toInt64(least(greatest(matchedAtMs, 0.), 4102444800000.)), 'UTC') AS matched_at,
  toUInt16(least(attemptsMade, 65535)) AS attempts_made,
  origin,
  batch,
  multiIf(origin IN ('match', 'test', 'operational'), 2, origin = 'release', 1, 0) AS precedence,
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset
FROM deliveries_stream WHERE problem = '';

CREATE MATERIALIZED VIEW deliveries_errors TO ingest_errors AS SELECT
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset,
  _record_key AS _key,
  problem AS reason,
  _raw AS raw
FROM deliveries_stream WHERE problem != '';

CREATE MATERIALIZED VIEW deliveries_feed TO deliveries_stream AS SELECT
  v,
  webhookId,
  kind,
  endpointId,
  applicationId,
  userId,
  chainId,
  blockNumber,
  blockHash,
  blockTimestamp,
  transactionHash,
  logIndex,
  contract,
  sequence,
  addedSequence,
  finality,
  format,
  filterVersion,
  why,
  body,
  seenAtMs,
  matchedAtMs,
  attemptsMade,
  batch,
  origin,
  _topic AS _record_topic,
  _partition AS _record_partition,
  _offset AS _record_offset,
  _key AS _record_key,
  `_headers.name` AS _header_names,
  `_headers.value` AS _header_values,
  substring(_raw_message, 1, 65536) AS _raw,
  multiIf(
    length(_error) > 0, _error,
    v > 1, 'written by a later version of EthHook: upgrade, then replay this offset',
    webhookId = '', 'no webhookId',
    userId = '' OR endpointId = '', 'no userId or no endpointId',
    ''
  ) AS problem
FROM deliveries_kafka
COMMENT '77e1ab7aca4a03bef2b4d0b4b04e49cd052c0cea68d48454d97d55f42655ce6c';

CREATE TABLE attempts_kafka (
  v UInt64,
  attemptId String,
  webhookId String,
  eventId String,
  endpointId String,
  applicationId String,
  userId String,
  chainId UInt64,
  attempt UInt64,
  outcome String,
  statusCode UInt64,
  error String,
  responseBody String,
  startedAtMs Float64,
  connectMs Nullable(Float64),
  tlsMs Nullable(Float64),
  firstByteMs Nullable(Float64),
  totalMs Float64,
  e2eMs Nullable(Float64),
  nextAttemptAtMs Nullable(Float64),
  batch Array(String),
  origin String,
  requestBytes UInt64
) ENGINE = Kafka(ethhook_kafka)
SETTINGS
  kafka_topic_list = 'attempts',
  kafka_group_name = 'clickhouse.attempts',
  kafka_format = 'JSONEachRow',
  kafka_num_consumers = 1,
  kafka_flush_interval_ms = 250,
  kafka_poll_timeout_ms = 50,
  kafka_consumer_reschedule_ms = 100,
  kafka_handle_error_mode = 'stream',
  kafka_max_block_size = 65536,
  input_format_skip_unknown_fields = 1,
  input_format_null_as_default = 1;

CREATE TABLE attempts_stream (
  v UInt64,
  attemptId String,
  webhookId String,
  eventId String,
  endpointId String,
  applicationId String,
  userId String,
  chainId UInt64,
  attempt UInt64,
  outcome String,
  statusCode UInt64,
  error String,
  responseBody String,
  startedAtMs Float64,
  connectMs Nullable(Float64),
  tlsMs Nullable(Float64),
  firstByteMs Nullable(Float64),
  totalMs Float64,
  e2eMs Nullable(Float64),
  nextAttemptAtMs Nullable(Float64),
  batch Array(String),
  origin String,
  requestBytes UInt64,
  _record_topic LowCardinality(String),
  _record_partition UInt64,
  _record_offset UInt64,
  _record_key String,
  _header_names Array(String),
  _header_values Array(String),
  _raw String,
  problem String
) ENGINE = Null;

CREATE MATERIALIZED VIEW attempts_rows TO attempts AS SELECT
  userId AS user_id,
  fromUnixTimestamp64Milli(toInt64(least(greatest(startedAtMs, 0.), 4102444800000.)), 'UTC') AS started_at,
  attemptId AS attempt_id,
  webhookId AS webhook_id,
  applicationId AS application_id,
  endpointId AS endpoint_id,
  chainId AS chain_id,
  CAST(substring(unhex(substring(splitByChar(':', eventId)[2], 3)), 1, 32) AS FixedString(32)) AS block_hash,
  toUInt32OrZero(splitByChar(':', eventId)[3]) AS log_index,
  toUInt16(least(attempt, 65535)) AS attempt,
  outcome,
  toUInt16(least(statusCode, 65535)) AS status_code,
  error,
  responseBody AS response_body,
  if(isNull(connectMs), NULL, toDecimal64(least(greatest(ifNull(connectMs, 0.), 0.), 1e12) + 0.005, 2)) AS connect_ms,
  if(isNull(tlsMs), NULL, toDecimal64(least(greatest(ifNull(tlsMs, 0.), 0.), 1e12) + 0.005, 2)) AS tls_ms,
  if(isNull(firstByteMs), NULL, toDecimal64(least(greatest(totalMs - ifNull(firstByteMs, 0.), 0.), 1e12) + 0.005, 2)) AS answer_ms,
  toDecimal64(least(greatest(totalMs, 0.), 1e12) + 0.005, 2) AS total_ms,
  if(isNull(e2eMs), NULL, toInt64(round(least(greatest(ifNull(e2eMs, 0.) - totalMs, -1e15), 1e15)))) AS wait_ms,
  if(isNull(nextAttemptAtMs), NULL, fromUnixTimestamp64Milli(toInt64(least(greatest(ifNull(nextAttemptAtMs, 0.), 0.), 4102444800000.)), 'UTC')) AS next_attempt_at,
  origin,
  batch,
  toUInt32(least(requestBytes, 4294967295)) AS request_bytes,
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset
FROM attempts_stream WHERE problem = '';

CREATE MATERIALIZED VIEW attempts_errors TO ingest_errors AS SELECT
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset,
  _record_key AS _key,
  problem AS reason,
  _raw AS raw
FROM attempts_stream WHERE problem != '';

CREATE MATERIALIZED VIEW attempts_feed TO attempts_stream AS SELECT
  v,
  attemptId,
  webhookId,
  eventId,
  endpointId,
  applicationId,
  userId,
  chainId,
  attempt,
  outcome,
  statusCode,
  error,
  responseBody,
  startedAtMs,
  connectMs,
  tlsMs,
  firstByteMs,
  totalMs,
  e2eMs,
  nextAttemptAtMs,
  batch,
  origin,
  requestBytes,
  _topic AS _record_topic,
  _partition AS _record_partition,
  _offset AS _record_offset,
  _key AS _record_key,
  `_headers.name` AS _header_names,
  `_headers.value` AS _header_values,
  substring(_raw_message, 1, 65536) AS _raw,
  multiIf(
    length(_error) > 0, _error,
    v > 1, 'written by a later version of EthHook: upgrade, then replay this offset',
    attemptId = '' OR webhookId = '', 'no attemptId or no webhookId',
    userId = '' OR endpointId = '', 'no userId or no endpointId',
    ''
  ) AS problem
FROM attempts_kafka
COMMENT '9219f55e4f3c5a46e53d28bd4708feb4a48443f223488e07e437127dffd20a81';

CREATE TABLE dead_deliveries_kafka (
  v UInt64,
  reason String,
  detail String,
  delivery Tuple(webhookId String, eventId String, endpointId String, applicationId String, userId String, chainId UInt64, blockNumber UInt64, contract String),
  attempts Array(Tuple(attempt UInt64)),
  deadAtMs Float64
) ENGINE = Kafka(ethhook_kafka)
SETTINGS
  kafka_topic_list = 'deliveries.dlq',
  kafka_group_name = 'clickhouse.dead_deliveries',
  kafka_format = 'JSONEachRow',
  kafka_num_consumers = 1,
  kafka_flush_interval_ms = 250,
  kafka_poll_timeout_ms = 50,
  kafka_consumer_reschedule_ms = 100,
  kafka_handle_error_mode = 'stream',
  kafka_max_block_size = 65536,
  input_format_skip_unknown_fields = 1,
  input_format_null_as_default = 1;

CREATE TABLE dead_deliveries_stream (
  v UInt64,
  reason String,
  detail String,
  delivery Tuple(webhookId String, eventId String, endpointId String, applicationId String, userId String, chainId UInt64, blockNumber UInt64, contract String),
  attempts Array(Tuple(attempt UInt64)),
  deadAtMs Float64,
  _record_topic LowCardinality(String),
  _record_partition UInt64,
  _record_offset UInt64,
  _record_key String,
  _header_names Array(String),
  _header_values Array(String),
  _raw String,
  problem String
) ENGINE = Null;

CREATE MATERIALIZED VIEW dead_deliveries_rows TO dead_deliveries AS SELECT
  delivery.userId AS user_id,
  fromUnixTimestamp64Milli(toInt64(least(greatest(deadAtMs, 0.), 4102444800000.)), 'UTC') AS dead_at,
  delivery.webhookId AS webhook_id,
  delivery.applicationId AS application_id,
  delivery.endpointId AS endpoint_id,
  delivery.chainId AS chain_id,
  delivery.eventId AS event_id,
  delivery.blockNumber AS block_number,
  CAST(substring(unhex(substring(delivery.contract, 3)), 1, 20) AS FixedString(20)) AS contract,
  reason,
  detail,
  toUInt16(least(length(attempts), 65535)) AS attempts,
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset
FROM dead_deliveries_stream WHERE problem = '';

CREATE MATERIALIZED VIEW dead_deliveries_errors TO ingest_errors AS SELECT
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset,
  _record_key AS _key,
  problem AS reason,
  _raw AS raw
FROM dead_deliveries_stream WHERE problem != '';

CREATE MATERIALIZED VIEW dead_deliveries_feed TO dead_deliveries_stream AS SELECT
  v,
  reason,
  detail,
  delivery,
  attempts,
  deadAtMs,
  _topic AS _record_topic,
  _partition AS _record_partition,
  _offset AS _record_offset,
  _key AS _record_key,
  `_headers.name` AS _header_names,
  `_headers.value` AS _header_values,
  substring(_raw_message, 1, 65536) AS _raw,
  multiIf(
    length(_error) > 0, _error,
    v > 1, 'written by a later version of EthHook: upgrade, then replay this offset',
    delivery.webhookId = '', 'no delivery.webhookId',
    delivery.userId = '', 'no delivery.userId',
    ''
  ) AS problem
FROM dead_deliveries_kafka
COMMENT '68e4267fb2fc8a4bde31824ad08aa504ef9ba8dd8b0bb125a6d6e796419c892c';

CREATE TABLE dead_logs_kafka (
  value String
) ENGINE = Kafka(ethhook_kafka)
SETTINGS
  kafka_topic_list = 'logs.dlq',
  kafka_group_name = 'clickhouse.dead_logs',
  kafka_format = 'RawBLOB',
  kafka_num_consumers = 1,
  kafka_flush_interval_ms = 250,
  kafka_poll_timeout_ms = 50,
  kafka_consumer_reschedule_ms = 100,
  kafka_handle_error_mode = 'stream',
  kafka_max_block_size = 65536;

CREATE TABLE dead_logs_stream (
  value String,
  _record_topic LowCardinality(String),
  _record_partition UInt64,
  _record_offset UInt64,
  _record_key String,
  _header_names Array(String),
  _header_values Array(String),
  _raw String,
  problem String
) ENGINE = Null;

CREATE MATERIALIZED VIEW dead_logs_rows TO dead_logs AS SELECT
  _header_values[indexOf(_header_names, 'source-topic')] AS source_topic,
  toInt64OrZero(_header_values[indexOf(_header_names, 'source-partition')]) AS source_partition,
  toInt64OrZero(_header_values[indexOf(_header_names, 'source-offset')]) AS source_offset,
  _header_values[indexOf(_header_names, 'reason')] AS reason,
  _header_values[indexOf(_header_names, 'group')] AS group_id,
  fromUnixTimestamp64Milli(toInt64(least(greatest(toFloat64OrZero(_header_values[indexOf(_header_names, 'dead-at-ms')]), 0.), 4102444800000.)), 'UTC') AS dead_at,
  _record_key AS key,
  value,
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset
FROM dead_logs_stream WHERE problem = '';

CREATE MATERIALIZED VIEW dead_logs_errors TO ingest_errors AS SELECT
  _record_topic AS _topic,
  toUInt32(_record_partition) AS _partition,
  _record_offset AS _offset,
  _record_key AS _key,
  problem AS reason,
  _raw AS raw
FROM dead_logs_stream WHERE problem != '';

CREATE MATERIALIZED VIEW dead_logs_feed TO dead_logs_stream AS SELECT
  value,
  _topic AS _record_topic,
  _partition AS _record_partition,
  _offset AS _record_offset,
  _key AS _record_key,
  `_headers.name` AS _header_names,
  `_headers.value` AS _header_values,
  substring(_raw_message, 1, 65536) AS _raw,
  multiIf(
    length(_error) > 0, _error,
    _header_values[indexOf(_header_names, 'source-topic')] = '', 'no source-topic header',
    ''
  ) AS problem
FROM dead_logs_kafka
COMMENT '1be5278039b4a1c023d107aba9c07bd2e3b2443d656a58c4e1f4c659ccf3c5c6';
