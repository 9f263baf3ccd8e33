"""Writes the tables of TPC-DS as Parquet and its 99 queries as queries.json: generate.py SCALE FOLDER."""

import json
import pathlib
import sys

import duckdb
import duckdb_extension_tpcds

scale, folder = sys.argv[1:]
package = pathlib.Path(duckdb_extension_tpcds.__file__).parent
(extension,) = package.glob("extensions/*/tpcds.duckdb_extension")
database = duckdb.connect()
database.execute(f"LOAD '{extension}'")
database.execute(f"CALL dsdgen(sf={float(scale)})")
for (table,) in database.execute("SELECT table_name FROM information_schema.tables").fetchall():
    database.execute(f"COPY {table} TO '{folder}/{table}.parquet' (FORMAT parquet)")
queries = database.execute("SELECT query FROM tpcds_queries() ORDER BY query_nr").fetchall()
pathlib.Path(folder, "queries.json").write_text(json.dumps([text for (text,) in queries]))
