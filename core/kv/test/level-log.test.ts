import { durableLogCases } from '@varve/conformance';
import { afterAll, describe, it } from 'vitest';
import { freshFolder } from './level/folder.js';
import { levelLogFactory } from './level/place.js';

const { root, remove } = freshFolder();
afterAll(remove);

describe('the log on LevelDB', () => {
  const factory = levelLogFactory(root);
  it.each(durableLogCases)('$name', ({ run }) => run(factory));
});
