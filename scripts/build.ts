import { chmodSync, rmSync } from 'node:fs';
import { bundle } from './bundle.ts';

/** Makes `dist` afresh, with the command executable. */
rmSync('dist', { recursive: true, force: true });
await bundle('dist');
chmodSync('dist/launch.js', 0o755);
