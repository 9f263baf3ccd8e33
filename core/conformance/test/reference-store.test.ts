/** The oracle against a model that is simpler still: a plain Map, sorted on every question. */
import { ReferencePlace, ReferenceStore } from '@varve/conformance';
import { createPacked, type PackedOperation } from '@varve/interfaces';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const key = fc.uint8Array({ maxLength: 3 });
const operation: fc.Arbitrary<PackedOperation> = fc.oneof(
  fc.record({ type: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 5 }) }),
  fc.record({ type: fc.constant('del' as const), key }),
);

it('answers as a Map does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(operation, { maxLength: 8 }), { maxLength: 12 }), async (commits) => {
      const store = new ReferenceStore(new ReferencePlace());
      await store.open();
      const model = new Map<string, string>();
      for (const operations of commits) {
        await store.commit(operations);
        for (const change of operations) {
          const name = Buffer.from(change.key as Uint8Array).toString('hex');
          if (change.type === 'put') model.set(name, Buffer.from(change.value).toString('hex'));
          else model.delete(name);
        }
      }
      const out = store.scanPacked({}, createPacked({ byteCount: 4_096, endCount: 512 }));
      const fields = Array.from(out.ends.subarray(0, 2 * out.count), (end, at) =>
        Buffer.from(out.bytes.subarray(at === 0 ? 0 : out.ends[at - 1], end)).toString('hex'),
      );
      expect(fields).toEqual([...model].toSorted(([left], [right]) => (left < right ? -1 : 1)).flat());
    }),
  );
});
