import { keyValueStoreCases } from '@varve/conformance';
import { describe, it } from 'vitest';
import { referenceFactory } from './reference-store.js';

describe('the reference store', () => {
  for (const { name, run } of keyValueStoreCases) it(name, () => run(referenceFactory()));
});
