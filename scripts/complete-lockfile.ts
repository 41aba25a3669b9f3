import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Adds to package-lock.json the optional packages of other platforms that `npm install` left out, as it does when the
 * registry it asks keeps the packages of its own platform alone: `npm ci` refuses a lock file without them.
 */
interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const path = 'package-lock.json';
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, Locked> };
const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors: readonly (readonly [string, RegExp])[] = [
  ['arm64', /arm64/],
  ['arm', /arm-/],
  ['x64', /x64/],
  ['ia32', /ia32/],
  ['ppc64', /ppc64/],
  ['riscv64', /riscv64/],
  ['s390x', /s390x/],
];

for (const [place, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (Object.keys(lock.packages).some((known) => known.endsWith(`node_modules/${name}`))) continue;
    const os = systems.find((system) => name.includes(system));
    const cpu = processors.find(([, pattern]) => pattern.test(name))?.[0];
    if (os === undefined || cpu === undefined) throw new Error(`${place}: which platform is ${name} for?`);
    const libc = /musl/.exec(name)?.[0] ?? (os === 'linux' && /gnu/.test(name) ? 'glibc' : undefined);
    const entry = { version, cpu: [cpu], ...(dev && { dev }), ...(libc && { libc: [libc] }) };
    Object.assign(lock.packages, { [`node_modules/${name}`]: { ...entry, optional: true, os: [os] } });
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
