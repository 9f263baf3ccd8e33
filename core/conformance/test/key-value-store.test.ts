import { keyValueStoreCases } from '@varve/conformance';
import { describe, it } from 'vitest';
import { referenceFactory } from './reference-store.js';

describe('the reference store', () => {
  it.each(keyValueStoreCases)('$name', ({ run }) => run(referenceFactory()));
});
