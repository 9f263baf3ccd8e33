import { readFileSync } from 'node:fs';
import { parseCapabilities, tiersWith } from '@varve/capability-matrix';
import { type Capabilities, errorCodes, tierCapabilities, VarveError } from '@varve/interfaces';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const valid: Capabilities = {
  schemaVersion: 1,
  tier: 'embedded',
  device: {
    compute: { coresMin: 1, coresMax: 4 },
    memory: { processBytesMin: 67_108_864, idleBytesMax: 10_485_760 },
    storage: { freeBytesMin: 1_048_576, codeBytesMax: 2_097_152 },
    network: { required: false },
    energy: { source: 'battery', idleWakeupsPerSecondMax: 0 },
  },
  modules: ['kv'],
  contracts: ['KeyValueStore'],
  limits: { key: { max: 65_535, unit: 'bytes' } },
  targets: ['linux-x64-gnu'],
};

/** Each row: what is wrong, the edit as JSON merged at a path, and what the message must name. */
const hostile: readonly (readonly [string, (data: Record<string, never>) => unknown, string])[] = [
  ['not an object', () => 'embedded', 'must be object'],
  ['null', () => null, 'must be object'],
  ['an array', () => [valid], 'must be object'],
  ['empty', () => ({}), 'required property'],
  ['own __proto__', (data) => withOwn(data, '__proto__', {}), '__proto__'],
  ['own constructor', (data) => withOwn(data, 'constructor', {}), 'constructor'],
  ['unknown field', (data) => ({ ...data, colour: 'red' }), 'colour'],
  ['unknown tier', (data) => ({ ...data, tier: 'toaster' }), '/tier'],
  ['unknown module', (data) => ({ ...data, modules: ['kv', 'magic'] }), '/modules/1'],
  ['the same module twice', (data) => ({ ...data, modules: ['kv', 'kv'] }), '/modules'],
  ['no modules', (data) => ({ ...data, modules: [] }), '/modules'],
  ['module named __proto__', (data) => ({ ...data, modules: ['__proto__', '__proto__'] }), '/modules'],
  ['wrong unit', (data) => ({ ...data, limits: { key: { max: 1, unit: 'ms' } } }), '/limits/key/unit'],
  ['limit as a bare number', (data) => ({ ...data, limits: { key: 65_535 } }), '/limits/key'],
  ['zero limit', (data) => ({ ...data, limits: { key: { max: 0, unit: 'bytes' } } }), '/limits/key/max'],
  [
    'fractional limit',
    (data) => ({ ...data, limits: { key: { max: 1.5, unit: 'bytes' } } }),
    '/limits/key/max',
  ],
  [
    'beyond 2^53',
    (data) => ({ ...data, limits: { key: { max: 2 ** 60, unit: 'bytes' } } }),
    '/limits/key/max',
  ],
  [
    'number as text',
    (data) => ({ ...data, limits: { key: { max: '1', unit: 'bytes' } } }),
    '/limits/key/max',
  ],
  ['unknown limit', (data) => ({ ...data, limits: { hats: { max: 1, unit: 'count' } } }), 'hats'],
  ['newer schema', (data) => ({ ...data, schemaVersion: 2 }), '/schemaVersion'],
  ['missing device', ({ device: _, ...rest }) => rest, 'device'],
];

describe('parseCapabilities', () => {
  it('returns a valid file unchanged', () => {
    const data: unknown = JSON.parse(JSON.stringify(valid));
    expect(parseCapabilities(data)).toBe(data);
    expect(data).toEqual(valid);
  });

  it.each(hostile)('refuses %s and names the place', (_, edit, named) => {
    const data = edit(JSON.parse(JSON.stringify(valid)));
    const error = caught(() => parseCapabilities(data));
    expect(error).toBeInstanceOf(VarveError);
    expect(error).toMatchObject({ code: 'ARGUMENT_INVALID' });
    expect(String(error)).toContain(named);
    expect(({} as Record<string, unknown>)['colour']).toBeUndefined();
  });

  it('never throws anything but a VarveError', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (data) => {
        expect(caught(() => parseCapabilities(data))).toBeInstanceOf(VarveError);
      }),
      { verbose: true },
    );
  });
});

describe('the tiers that exist', () => {
  it.each(Object.entries(tierCapabilities))(
    '%s: the committed file is valid and equals the generated data',
    (tier, data) => {
      const { $schema: _, ...file } = JSON.parse(
        readFileSync(new URL(`../../tiers/${tier}/capabilities.json`, import.meta.url), 'utf8'),
      );
      expect(parseCapabilities(file)).toEqual(data);
      expect(data.tier).toBe(tier);
      for (const module of data.modules) expect(tiersWith(module)).toContain(tier);
    },
  );

  it('names no tier for a module that none has', () => {
    expect(tiersWith('cluster')).toEqual([]);
  });
});

describe('generated Rust', () => {
  const rust = (name: string): string =>
    readFileSync(new URL(`../../native/crates/varve_types/src/generated/${name}`, import.meta.url), 'utf8');

  it('has every error code of TypeScript', () => {
    const codes = [...rust('error_codes.rs').matchAll(/=> "(\w+)"/g)].map(([, code]) => code);
    expect(codes).toEqual(Object.keys(errorCodes));
  });
});

function withOwn(data: object, name: string, value: unknown): unknown {
  return Object.defineProperty({ ...data }, name, { value, enumerable: true });
}

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
