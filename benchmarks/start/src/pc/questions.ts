/** Ten questions about the flights, in SQL that Varve and DuckDB both speak, and what to say of an answer. */
import { count, digits } from '../terminal/text.js';

/** A row of an answer; values of both engines are made alike: see `plain.ts`. */
export type Row = Readonly<Record<string, number | string | null>>;

/** One question. */
export interface Question {
  readonly title: string;
  readonly sql: string;
  /** The answer in a few words. @param first row of it */
  readonly say: (first: Row, rows: readonly Row[]) => string;
}

/** All of them, simple ones first. Their answers have an order, so that they can be compared row by row. */
export const questions: readonly Question[] = [
  {
    title: 'how many, and when',
    sql: 'select count(*) as flights, min(departure) as first, max(departure) as last from flights',
    say: ({ flights, first, last }) => `${count(Number(flights))}, ${day(first)} to ${day(last)}`,
  },
  {
    title: 'latest airports',
    sql: `select origin, count(*) as flights, avg(delay) as mean_delay from flights
      group by origin having count(*) >= 1000 order by mean_delay desc, origin limit 10`,
    say: ({ origin, mean_delay }) => `${origin}, ${minutes(mean_delay)}`,
  },
  {
    title: 'hours of the day',
    sql: `select extract(hour from departure) as hour, count(*) as flights, avg(delay) as mean_delay
      from flights group by 1 having count(*) >= 1000 order by mean_delay desc, hour`,
    say: ({ hour, mean_delay }) => `${hour}:00 is the latest, ${minutes(mean_delay)}`,
  },
  {
    title: 'mean delays of the months',
    sql: `select date_trunc('month', departure) as month, count(*) as flights, avg(delay) as mean_delay,
      stddev(delay) as spread from flights group by 1 having count(*) >= 1000 order by 1`,
    say: (_, rows) => `${rows.map(({ mean_delay }) => digits(Number(mean_delay))).join(', ')} min`,
  },
  {
    title: 'busiest routes',
    sql: `select origin, destination, count(*) as flights, sum(distance) as miles from flights
      group by origin, destination order by flights desc, origin, destination limit 10`,
    say: ({ origin, destination, flights }) => `${origin} to ${destination}, ${count(Number(flights))}`,
  },
  {
    title: 'late by distance',
    sql: `select (distance - distance % 500) / 500 as band,
      avg(case when delay > 15 then 1 else 0 end) as late, count(*) as flights
      from flights where distance < 3000 group by 1 order by late desc, band`,
    say: ({ band, late }) => `from ${count(Number(band) * 500)} miles on: ${percent(late)}`,
  },
  {
    title: 'median of each airport',
    sql: `select origin, count(*) as flights, median(cast(delay as double)) as middle from flights
      group by origin order by flights desc, origin limit 10`,
    say: ({ origin, middle }) => `${origin}, ${minutes(middle)}`,
  },
  {
    title: 'short flights of one month',
    sql: `select count(*) as flights, avg(delay) as mean_delay from flights where distance < 300
      and departure >= timestamp '2001-02-01 00:00:00' and departure < timestamp '2001-03-01 00:00:00'`,
    say: ({ flights, mean_delay }) => `${count(Number(flights))}, ${minutes(mean_delay)}`,
  },
  {
    title: 'worst day of each airport',
    sql: `with days as (
        select origin, date_trunc('day', departure) as day, count(*) as flights, avg(delay) as mean_delay
        from flights group by 1, 2
      ), ranked as (
        select *, row_number() over (partition by origin order by mean_delay desc, day) as place
        from days where flights >= 100
      )
      select origin, day, flights, mean_delay from ranked where place = 1
      order by mean_delay desc, origin limit 10`,
    say: ({ origin, day: date, mean_delay }) => `${origin}, ${day(date)}: ${minutes(mean_delay)}`,
  },
  {
    title: 'ways out and back',
    sql: `with routes as (
        select origin, destination, count(*) as flights, avg(delay) as mean_delay
        from flights group by origin, destination
      )
      select a.origin as origin, a.destination as destination, a.mean_delay as there, b.mean_delay as back
      from routes a join routes b on a.origin = b.destination and a.destination = b.origin
      where a.flights >= 1000 and b.flights >= 1000
      order by a.mean_delay - b.mean_delay desc, a.origin, a.destination limit 10`,
    say: ({ origin, destination, there, back }) =>
      `${origin} to ${destination}: ${minutes(there)}, back ${minutes(back)}`,
  },
];

function day(milliseconds: Row[string] | undefined): string {
  return new Date(Number(milliseconds)).toISOString().slice(0, 10);
}

function minutes(value: Row[string] | undefined): string {
  return `${digits(Number(value))} min`;
}

function percent(share: Row[string] | undefined): string {
  return `${digits(Number(share) * 100)} % late`;
}
