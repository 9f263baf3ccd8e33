import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Makes packages lead to their modules as `tsc -b` compiled them, not to a bundle that may be older. */
const condition = '@varve/unbundled';

export default defineConfig({
  ssr: { resolve: { conditions: [condition] } },
  test: {
    // The processes that tests start, too.
    env: { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --conditions=${condition}` },
    include: [
      '{core,tiers}/*/test/**/*.test.ts',
      'native/addons/*/test/**/*.test.ts',
      '{capability-matrix,benchmarks,benchmarks/start,oracles}/test/**/*.test.ts',
      'ci/test/**/*.test.mjs',
    ],
    // A property test prints its seed when it fails; a slow machine must not fail it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Vitest leaves one processor to itself, which of two is half.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
