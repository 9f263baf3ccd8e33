-- The eleven timed queries over table g (see generate.sql): nine group-bys in the style of the h2o benchmark, two
-- filters. A line `-- name: …` names the query below it.
-- name: 1 sum by id1
select id1, sum(v1) as v1 from g group by id1;
-- name: 2 sum by id1, id2
select id1, id2, sum(v1) as v1 from g group by id1, id2;
-- name: 3 sum, avg by id3
select id3, sum(v1) as v1, avg(v3) as v3 from g group by id3;
-- name: 4 three avg by id4
select id4, avg(v1) as v1, avg(v2) as v2, avg(v3) as v3 from g group by id4;
-- name: 5 three sum by id6
select id6, sum(v1) as v1, sum(v2) as v2, sum(v3) as v3 from g group by id6;
-- name: 6 median, stddev by id4, id5
select id4, id5, median(v3) as median_v3, stddev(v3) as stddev_v3 from g group by id4, id5;
-- name: 7 max - min by id3
select id3, max(v1) - min(v2) as range_v1_v2 from g group by id3;
-- name: 8 corr by id2, id4
select id2, id4, corr(v1, v2) as corr_v1_v2 from g group by id2, id4;
-- name: 9 sum, count by six columns
select id1, id2, id3, id4, id5, id6, sum(v3) as v3, count(*) as n from g group by id1, id2, id3, id4, id5, id6;
-- name: 10 filter, sum
select sum(v3 * v1) as v from g where id4 = 7 and v2 < 5 and v3 < 30;
-- name: 11 range of ts, top 10
select id6, sum(v3) as s from g where ts >= {from} and ts < {to} group by id6 order by s desc limit 10;
