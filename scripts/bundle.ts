import { build } from 'esbuild';

/**
 * Puts the sources of the program together, one file for each process that it starts, into a folder; packages stay packages.
 * A file of its own for each of 700 modules would cost every command half a second more to start.
 */
export async function bundle(folder: string): Promise<void> {
  await build({
    ...common,
    entryPoints: ['src/app/launch.ts', 'src/app/main.ts', 'src/upstream/end-orphans.ts'],
    outdir: folder,
    packages: 'external',
  });
}

/** The same of the attack range, for `countersign demo attacks`: with the packages in it that are none of the program's own. */
export async function bundleDemos(folder: string, packages: readonly string[]): Promise<void> {
  await build({
    ...common,
    entryPoints: { 'demo-attacks': 'test/range/attacks.ts' },
    outdir: folder,
    chunkNames: 'demo-[hash]',
    sourcemap: false,
    // The last makes bundles for tests, and is none of the range.
    external: [...packages, 'esbuild'],
  });
}

const common = {
  entryNames: '[name]',
  chunkNames: 'shared-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning',
} as const;
