import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      '{core,tiers}/*/test/**/*.test.ts',
      'native/addons/*/test/**/*.test.ts',
      '{capability-matrix,benchmarks,benchmarks/start}/test/**/*.test.ts',
      'ci/test/**/*.test.mjs',
    ],
    // A property test prints its seed when it fails; a slow machine must not fail it.
    testTimeout: 60_000,
  },
});
