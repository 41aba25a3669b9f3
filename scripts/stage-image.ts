import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.ts';

/**
 * Lays out the files of the container image below the folder that is named: `program` for the root of the image, `state`
 * for where it writes. Packages for development alone are removed from the tree that it is run in, and `dist` is made there: the
 * program without the attack range, which is for whoever tries it and not for a place where it works.
 */
const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('usage: stage-image.ts FOLDER');
const place = join(target, 'program/opt/countersign');
const interpreter = '/opt/countersign/bin/node';

rmSync('dist', { recursive: true, force: true });
await bundle('dist');
mkdirSync(join(place, 'bin'), { recursive: true });
mkdirSync(join(target, 'state'), { recursive: true });
// The Node.js of the lockfile, which is the one that the tests ran with.
cpSync('node_modules/node/bin/node', join(place, 'bin/node'));
npm('prune', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund');
writeFileSync(join(place, 'sbom.cdx.json'), `${JSON.stringify(partsList(), null, 2)}\n`);
for (const each of ['dist', 'node_modules', 'package.json', 'LICENSE', 'docs/third-party-notices.md']) {
  cpSync(each, join(place, each), { recursive: true });
}
// There is no /usr/bin/env in an image that holds one program.
const launch = join(place, 'dist/launch.js');
writeFileSync(launch, readFileSync(launch, 'utf8').replace(/^#!.*$/m, `#!${interpreter}`));
for (const each of readdirSync(join(place, 'dist'))) chmodSync(join(place, 'dist', each), 0o644);
chmodSync(launch, 0o755);
symlinkSync('../dist/launch.js', join(place, 'bin/countersign'));

function npm(...words: readonly string[]): void {
  const { status, error } = spawnSync('npm', words, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm ${words.join(' ')} failed`, { cause: error });
}

interface Locked {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
}

/** What is in the image, as CycloneDX 1.6. `npm sbom --omit=dev` leaves out packages that are for development as well. */
function partsList(): object {
  const { name, version, packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Locked & {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const here = Object.entries(packages).filter(([path]) => path !== '' && existsSync(path));
  const runtime = process.versions.node;
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', name, version, purl: `pkg:npm/${name}@${version}` } },
    components: [
      // npm counts the runtime among what is for development alone; in the image it is what runs.
      { type: 'platform', name: 'node', version: runtime, purl: `pkg:generic/node@${runtime}` },
      ...here.map(([path, locked]) => component(path.slice(path.lastIndexOf('node_modules/') + 13), locked)),
    ],
  };
}

function component(name: string, { version, license, integrity }: Locked): object {
  const [algorithm, digest] = integrity?.split('-') ?? [];
  return {
    type: 'library',
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    ...(license && { licenses: [{ expression: license }] }),
    ...(algorithm === 'sha512' &&
      digest && { hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }] }),
  };
}
