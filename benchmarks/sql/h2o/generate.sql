-- Table g of the h2o-style queries: {rows} rows, {distinct} distinct values of id3 and id6 (a hundredth of the rows),
-- in order of ts, one per second from 2026-01-01. DuckDB's hash() makes it the same on every machine.
select 'id' || lpad((1 + hash(i * 7 + 1) % 100)::varchar, 3, '0')          as id1,
       'id' || lpad((1 + hash(i * 7 + 2) % 100)::varchar, 3, '0')          as id2,
       'id' || lpad((1 + hash(i * 7 + 3) % {distinct})::varchar, 10, '0')  as id3,
       (1 + hash(i * 7 + 4) % 100)::int                                    as id4,
       (1 + hash(i * 7 + 5) % 100)::int                                    as id5,
       (1 + hash(i * 7 + 6) % {distinct})::int                             as id6,
       (1 + hash(i * 13) % 5)::int                                         as v1,
       (1 + hash(i * 17) % 15)::int                                        as v2,
       round((hash(i * 19) % 100000000) / 1e6, 6)::double                  as v3,
       timestamp '2026-01-01' + to_seconds(i::bigint)                      as ts
from range({rows}) t(i)
