import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { bundle, bundleDemos } from './bundle.ts';

/** Makes `dist` afresh, with the command executable. */
rmSync('dist', { recursive: true, force: true });
await bundle('dist');
const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
  'dependencies' | 'peerDependencies',
  Record<string, string>
>;
await bundleDemos('dist', Object.keys({ ...dependencies, ...peerDependencies }));
chmodSync('dist/launch.js', 0o755);
