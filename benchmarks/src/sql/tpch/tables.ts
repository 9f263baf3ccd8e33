/** The eight tables of TPC-H: made by the program in benchmarks/tpch once, and kept as Parquet. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildProgram } from '../../cargo-program.js';
import { run } from '../../command.js';
import type { Context } from '../../result.js';
import { dataFolder } from '../data-folder.js';
import { connect } from '../duckdb.js';
import type { ParquetTable, SqlEngineKind } from '../engine.js';
import { sizes } from '../sizes.js';

/** Columns with their types, section 1.4 of the specification. */
const tables: Readonly<Record<string, string>> = {
  region: 'r_regionkey integer, r_name varchar, r_comment varchar',
  nation: 'n_nationkey integer, n_name varchar, n_regionkey integer, n_comment varchar',
  part:
    'p_partkey bigint, p_name varchar, p_mfgr varchar, p_brand varchar, p_type varchar, p_size integer, ' +
    'p_container varchar, p_retailprice decimal(15,2), p_comment varchar',
  supplier:
    's_suppkey bigint, s_name varchar, s_address varchar, s_nationkey integer, s_phone varchar, ' +
    's_acctbal decimal(15,2), s_comment varchar',
  customer:
    'c_custkey bigint, c_name varchar, c_address varchar, c_nationkey integer, c_phone varchar, ' +
    'c_acctbal decimal(15,2), c_mktsegment varchar, c_comment varchar',
  partsupp:
    'ps_partkey bigint, ps_suppkey bigint, ps_availqty integer, ps_supplycost decimal(15,2), ps_comment varchar',
  orders:
    'o_orderkey bigint, o_custkey bigint, o_orderstatus varchar, o_totalprice decimal(15,2), o_orderdate date, ' +
    'o_orderpriority varchar, o_clerk varchar, o_shippriority integer, o_comment varchar',
  lineitem:
    'l_orderkey bigint, l_partkey bigint, l_suppkey bigint, l_linenumber integer, l_quantity decimal(15,2), ' +
    'l_extendedprice decimal(15,2), l_discount decimal(15,2), l_tax decimal(15,2), l_returnflag varchar, ' +
    'l_linestatus varchar, l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct varchar, ' +
    'l_shipmode varchar, l_comment varchar',
};

/** The folder of an engine's database with the eight tables; loaded at the first call of a run. */
export async function loadedTpch(kind: SqlEngineKind, context: Context): Promise<string> {
  const folder = join(context.folder, `tpch, ${kind.store}`);
  if (existsSync(folder)) return folder;
  const files = await tpchTables(context);
  context.progress.step(`loading TPC-H at scale ${sizes[context.size].scale} into ${kind.store}`);
  mkdirSync(folder);
  await kind.load(folder, files);
  return folder;
}

async function tpchTables(context: Context): Promise<readonly ParquetTable[]> {
  const { scale } = sizes[context.size];
  const folder = await dataFolder(`tpch-${scale}`, async (to) => {
    context.progress.step('building the generator of TPC-H (cargo, optimised)');
    const program = await buildProgram('tpch', 'varve-tpch-data');
    context.progress.step(`making TPC-H at scale ${scale} (once)`);
    const texts = mkdtempSync(join(context.folder, 'tpch-texts-'));
    await run(program, [String(scale), texts]);
    const { connection, close } = await connect();
    for (const [i, [name, columns]] of Object.entries(tables).entries()) {
      await connection.run(
        `copy (${selectFromText(join(texts, `${name}.tbl`), columns)}) to '${join(to, `${name}.parquet`)}' (format parquet)`,
      );
      context.progress.at((i + 1) / Object.keys(tables).length);
    }
    close();
    rmSync(texts, { recursive: true });
  });
  return Object.keys(tables).map((name) => ({ name, file: join(folder, `${name}.parquet`) }));
}

/** Reads the specification's text: a bar after each column, the last one's too. */
function selectFromText(file: string, columns: string): string {
  const types = columns.split(/, (?=\w+ )/).map((column) => column.split(' '));
  const struct = [...types.map(([name, type]) => `${name}: '${type}'`), `rest: 'varchar'`].join(', ');
  return `select * exclude (rest) from read_csv('${file}', delim = '|', quote = '', escape = '', header = false, columns = {${struct}})`;
}
