/** What the suite of the key-value store needs to know of its subject. */
import type { KeyValueStore, StoreSnapshot } from '@varve/interfaces';

/** A store with a lifecycle, as abstract-level names it. Its control loop is the controller suite's concern. */
export interface StoreUnderTest extends Omit<KeyValueStore, 'control'> {
  /** Opens the place, or creates the store there. */
  open(): Promise<void>;
  /** Lets go of the place; what is acknowledged stays in it. */
  close(): Promise<void>;
  /** A view of this moment. */
  snapshot(): StoreSnapshot;
}

/** Makes stores, and says what they promise. */
export interface StoreFactory {
  readonly limits: {
    readonly keyBytesMax: number;
    readonly valueBytesMax: number;
    /** Live segments at most, when nothing is being merged. */
    readonly segmentsMax: number;
  };
  /** A place, such as a new empty directory, that nobody else uses; whoever made the factory cleans up. */
  place(): Promise<string>;
  /** A store object on a place, not yet open. Stores on one place share what is kept there. */
  create(place: string): StoreUnderTest;
}

/** Opens a store on a new place, runs `body`, and closes the store whatever happens. */
export async function withStore(
  factory: StoreFactory,
  body: (store: StoreUnderTest, place: string) => Promise<void>,
): Promise<void> {
  const place = await factory.place();
  const store = factory.create(place);
  await store.open();
  try {
    await body(store, place);
  } finally {
    await store.close();
  }
}
