/** Places for the tests of the log's suite: a simulated disk each, with every fault. */
import {
  type LogFactory,
  type LogPlace,
  ReferenceLog,
  type ReferenceLogPlace,
  SimulatedDisk,
} from '@varve/conformance';
import type { DurableLog } from '@varve/interfaces';

/** A factory of reference logs, or of a class that breaks one. */
export function referenceLogFactory(
  Log: new (place: ReferenceLogPlace) => DurableLog = ReferenceLog,
): LogFactory {
  return {
    supports: { losePower: true, failSync: true, flipBit: true },
    async place(): Promise<LogPlace> {
      let disk = new SimulatedDisk();
      let present: ReferenceLogPlace = { disk, owner: undefined };
      return {
        create: () => new Log(present),
        async losePower(random) {
          disk = disk.losePower(random);
          present = { disk, owner: undefined };
        },
        failSync: () => disk.fail('sync'),
        async flipBit(random) {
          const flipped = disk.flipBit(random);
          return flipped && `${flipped.path} ${flipped.offset}`;
        },
      };
    },
  };
}
