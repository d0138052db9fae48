/**
 * The process that becomes a ClickHouse server: `libchdb.so` is `clickhouse local`, and its
 * `SYSTEM START LISTEN` opens the real HTTP and native ports. The call never returns, so it owns this process;
 * no JavaScript runs after it. SIGTERM ends it.
 *
 * Arguments: the library, then the command line of ClickHouse.
 */
import { DataType, load, open } from "ffi-rs";

const [, , library, ...args] = process.argv;
if (library === undefined) throw new Error("clickhouse-process: the path of libchdb.so is missing");

process.title = "ethhook-clickhouse";
open({ library: "chdb", path: library });
load({
  library: "chdb",
  funcName: "chdb_query_cmdline",
  retType: DataType.External,
  paramsType: [DataType.I32, DataType.StringArray],
  paramsValue: [args.length + 1, ["clickhouse", ...args]],
});
// The call returns only when the server could not start; ClickHouse has written why.
process.exit(1);
