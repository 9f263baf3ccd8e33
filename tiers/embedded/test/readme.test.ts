/**
 * Every JavaScript example of the README and of the tiers' own runs, and prints what its comments say.
 *
 * An example is a block of `js`; a line `console.log(…); // text` must print that text.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'varve-readme-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
// Examples with a model use the one of `npm start`.
copyFileSync(join(root, 'benchmarks/start/model/delays.onnx'), join(folder, 'delays.onnx'));

const documents = [
  'README.md',
  'tiers/embedded/README.md',
  'tiers/mobile/README.md',
  'tiers/pc/README.md',
].map((name) => ({
  name,
  examples: [...readFileSync(join(root, name), 'utf8').matchAll(/^```js\n(.*?)^```/gms)].map(
    ([, code]) => code ?? '',
  ),
}));

describe.each(documents)('$name', ({ examples }) => {
  it('has examples', () => expect(examples.length).toBeGreaterThan(0));

  it.each(examples)('%#', (code) => {
    const file = join(folder, 'example.mjs');
    writeFileSync(file, code);
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const expected = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
    if (expected.length > 0) expect(stdout.trimEnd().split('\n')).toEqual(expected);
  });
});
