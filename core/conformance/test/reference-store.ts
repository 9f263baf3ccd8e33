/** Stores for the tests of the suite: the reference on places by name. */
import { ReferencePlace, ReferenceStore, referenceLimits, type StoreFactory } from '@varve/conformance';

/** A factory of reference stores, or of a class that breaks one. */
export function referenceFactory(
  Store: new (place: ReferencePlace) => ReferenceStore = ReferenceStore,
): StoreFactory {
  const places = new Map<string, ReferencePlace>();
  return {
    limits: { ...referenceLimits, segmentsMax: 1 },
    async place() {
      const name = `place ${places.size}`;
      places.set(name, new ReferencePlace());
      return name;
    },
    create: (name) => new Store(places.get(name) ?? new ReferencePlace()),
  };
}
