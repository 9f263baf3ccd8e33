-- Table b of the boundary case: {rows} rows of four types.
select i::bigint                                         as i,
       round((hash(i * 3) % 100000000) / 1e6, 6)::double as d,
       'name ' || lpad((hash(i * 5) % 1000000)::varchar, 6, '0') as s,
       timestamp '2026-01-01' + to_seconds(i::bigint)    as t
from range({rows}) r(i)
