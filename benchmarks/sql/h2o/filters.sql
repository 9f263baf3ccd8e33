-- Selective filters over table g (see generate.sql): points, ranges and a conjunction, from 100 rows of 10 M to a day's.
-- name: id3 = a string
select id1, id6, v3 from g where id3 = 'id0000000123';
-- name: id6 = an integer
select * from g where id6 = 123;
-- name: an hour of ts
select count(*) as n, sum(v3) as v3 from g where ts >= {hour_from} and ts < {hour_to};
-- name: a day of ts
select id1, v1, v3 from g where ts >= {day_from} and ts < {day_to};
-- name: v3 in a narrow range
select id3, v3 from g where v3 >= 50 and v3 < 50.01;
-- name: id1, id4 and v1 together
select id6, v3 from g where id1 = 'id042' and id4 = 17 and v1 = 3;
