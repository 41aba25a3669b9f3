import { build } from 'esbuild';

/**
 * Puts the sources of the program together, one file for each process that it starts, into a folder; packages stay packages.
 * A file of its own for each of 700 modules would cost every command half a second more to start.
 */
export async function bundle(folder: string): Promise<void> {
  await build({
    entryPoints: ['src/app/launch.ts', 'src/app/main.ts', 'src/upstream/end-orphans.ts'],
    outdir: folder,
    entryNames: '[name]',
    chunkNames: 'shared-[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node24',
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
}
