/**
 * Child of case `boundary`: opens a loaded database, brings its rows into JavaScript until all is warm, and prints how
 * long that then takes and how long it blocks the event loop.
 */
import { type Watched, watchLoop } from './event-loop.js';
import { openWay } from './ways.js';

const warmUps = 3;

/** What this child is asked. */
export interface Request {
  readonly way: string;
  readonly folder: string;
}

/** What it prints. */
export interface Reply extends Watched {
  readonly delivered: number;
}

console.log(JSON.stringify(await reply(JSON.parse(process.argv[2] ?? '') as Request)));
// Threads of an engine would keep the process.
process.exit();

async function reply({ way, folder }: Request): Promise<Reply> {
  const deliver = await openWay(way, folder);
  for (let i = 0; i < warmUps; i++) await deliver();
  let delivered = 0;
  const watched = await watchLoop(async () => {
    delivered = await deliver();
  });
  return { ...watched, delivered };
}
