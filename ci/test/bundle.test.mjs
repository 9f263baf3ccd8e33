// What users load: one file of each package, in plain Node. Every other test runs the modules as `tsc -b` compiled them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from '../lib/paths.mjs';
import { publicPackages } from '../lib/public-packages.mjs';

const bundled = publicPackages()
  .map((folder) => ({ folder, ...JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) }))
  .filter(({ exports }) => exports['.'].default.startsWith('./bundle/'))
  .map(({ name, exports, folder }) => ({
    name,
    unbundled: join(root, folder, exports['.']['@varve/unbundled']),
  }));

const folder = mkdtempSync(join(tmpdir(), 'varve-bundle-'));
beforeAll(() => {
  execFileSync(process.execPath, ['ci/bundle.mjs'], { cwd: root });
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each(bundled)('$name exports from its one file what its modules export', ({ name, unbundled }) => {
  const names = inNode(`Object.keys(await import('${name}'))`);
  expect(names).toEqual(inNode(`Object.keys(await import('${unbundled}'))`));
  expect(names).not.toEqual([]);
});

it('has one class VarveError, whichever package throws', () => {
  const thrown = inNode(`[
    await import('@varve/inference').then(({ createModels }) => createModels().get('none')).catch(say),
    await import('@varve/embedded').then(({ open }) => open('/dev/null/none')).catch(say),
    await import('@varve/kv').then(({ importLevel }) => importLevel({ from: '/dev/null/none', to })).catch(say),
    (await import('@varve/embedded')).VarveError === VarveError,
    (await import('@varve/inference')).VarveError === VarveError,
  ]`);
  expect(thrown).toEqual(['MODEL_MISSING', 'STORE_UNWRITABLE', 'STORE_UNWRITABLE', true, true]);
});

it('loads LevelDB only for the log that stands on it', () => {
  const loaded = (log) =>
    inNode(`await import('@varve/embedded').then(async ({ open }) => {
      const db = await open('${join(folder, log)}', { log: '${log}' });
      await db.close();
      return Object.keys(cache).some((file) => file.includes('classic-level'));
    })`);
  expect({ native: loaded('native'), level: loaded('level') }).toEqual({ native: false, level: true });
});

it('loads nothing but the addon for models alone', () => {
  const files = inNode(`await import('@varve/inference').then(() => Object.keys(cache))`);
  expect(files).toEqual([expect.stringMatching(/native\/addons\/embedded\/varve-embedded\.[\w-]+\.node$/)]);
});

/** The value of an expression in a Node of its own, without the condition under which tests run. @param {string} expression */
function inNode(expression) {
  const script = `
    import { createRequire } from 'node:module';
    import { VarveError } from '@varve/interfaces';
    const { cache } = createRequire(import.meta.url);
    const to = { commit() {}, getInto() {} };
    const say = (error) => (error instanceof VarveError ? error.code : String(error));
    console.log(JSON.stringify(${expression}));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(root, 'tiers/embedded'),
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return JSON.parse(output);
}
