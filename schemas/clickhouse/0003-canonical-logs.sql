-- Logs that still stand. A reorg does not delete: it adds `removed` rows that name the ledger record they take back.

CREATE TABLE IF NOT EXISTS removed_blocks (
  chain_id       UInt64,
  added_sequence UInt64
) ENGINE = ReplacingMergeTree
ORDER BY (chain_id, added_sequence);

CREATE MATERIALIZED VIEW IF NOT EXISTS removed_blocks_seen TO removed_blocks AS
SELECT DISTINCT chain_id, added_sequence FROM logs WHERE kind = 'removed';

CREATE OR REPLACE VIEW canonical_logs AS
SELECT * FROM logs FINAL
WHERE kind = 'new' AND (chain_id, sequence) NOT IN (SELECT chain_id, added_sequence FROM removed_blocks);
