/** What is asked of the flights, with queries that are built. */
import type { TableQuery } from '@varve/interfaces';
import { avg, col, count, countDistinct, desc, from, max, min, sum } from '@varve/mobile';

/** A row of an answer here: there are no other values in them. */
export type PlainRow = Readonly<Record<string, string | number | bigint>>;

/** A question, and its answer in words. */
export interface Question {
  readonly title: string;
  readonly query: TableQuery;
  readonly say: (first: PlainRow) => string;
}

const flights = from('flights');
const busy = flights.groupBy('origin').aggregate({ n: count() }).orderBy(desc('n'), 'origin').limit(50);

/** The questions, in the order in which they are asked. */
export const questions: readonly Question[] = [
  {
    title: 'how many, and how late',
    query: flights.aggregate({ n: count(), mean: avg('delay'), far: sum('distance') }),
    say: ({ n, mean }) => `${n}, ${Number(mean).toFixed(1)} minutes in the mean`,
  },
  {
    title: 'airports and routes',
    query: flights.aggregate({ from: countDistinct('origin'), to: countDistinct('destination') }),
    say: ({ from: origins, to }) => `${origins} to ${to}`,
  },
  {
    title: 'the latest airport of those with 1,000 departures',
    query: flights
      .groupBy('origin')
      .aggregate({ n: count(), mean: avg('delay') })
      .where(col('n').gte(1000))
      .orderBy(desc('mean'), 'origin')
      .limit(1),
    say: ({ origin, mean }) => `${origin}, ${Number(mean).toFixed(1)} minutes`,
  },
  {
    title: 'departures of one day, by the zone map of the key',
    query: flights
      .where(col('id').between(1_000_000, 1_000_999))
      .aggregate({ n: count(), first: min('departure') }),
    say: ({ n }) => String(n),
  },
  {
    title: 'the ten longest delays from Seattle',
    query: flights
      .where(col('origin').eq('SEA'))
      .orderBy(desc('delay'), 'id')
      .limit(10)
      .select('destination', 'delay'),
    say: ({ destination, delay }) => `${destination}, ${delay} minutes`,
  },
  {
    title: 'delays by hour, the worst',
    query: flights
      .select({ hour: col('departure').hour(), delay: 'delay' })
      .groupBy('hour')
      .aggregate({ n: count(), mean: avg('delay'), worst: max('delay') })
      .orderBy(desc('mean'), 'hour')
      .limit(1),
    say: ({ hour, mean }) => `${hour} o'clock, ${Number(mean).toFixed(1)} minutes`,
  },
  {
    title: 'flights to one of the 50 busiest airports (join)',
    query: flights
      .join(busy, { destination: 'origin' }, { how: 'semi' })
      .aggregate({ n: count(), distance: avg('distance') }),
    say: ({ n }) => String(n),
  },
];
