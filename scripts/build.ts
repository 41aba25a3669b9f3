import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';

/** Compiles `src` to `dist` afresh and makes the command executable. */
rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
const entry = 'dist/app/launch.js';
if (!existsSync(entry)) throw new Error(`${entry} was not built`);
chmodSync(entry, 0o755);
