import type { Isolation } from './isolation.ts';

/** What of a machine every program needs: what there is of it is shown, and cannot be changed. */
const system = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store'];
/** Of /etc no more than finding libraries, names and certificates takes. */
const settings = [
  '/etc/alternatives',
  '/etc/ca-certificates',
  '/etc/crypto-policies',
  '/etc/group',
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/localtime',
  '/etc/mime.types',
  '/etc/nsswitch.conf',
  '/etc/passwd',
  '/etc/pki/ca-trust',
  '/etc/pki/tls/certs',
  '/etc/protocols',
  '/etc/services',
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
  '/etc/timezone',
];
/** What only a program with the network looks at. */
const networkSettings = ['/etc/resolv.conf', '/etc/hosts', '/etc/gai.conf', '/etc/host.conf'];

/** The home of a server: its own, in memory, and gone with it. */
export const homeInside = '/home/server';

/** A user that owns nothing, within the server's own namespace. */
const nobody = '65534';

export interface BubblewrapOrder {
  readonly isolation: Isolation;
  /** Where it starts; null for its home. */
  readonly directory: string | null;
  /** The program itself, shown even where its folder is not; null when the system shows it. */
  readonly program: string | null;
  /** The descriptor that the seccomp filter is read from; null where there is none. */
  readonly seccomp: number | null;
}

/**
 * The arguments of bubblewrap before the command: namespaces of its own of every kind, a root with nothing but what is listed,
 * no capability, no way to more namespaces, an end with its parent.
 */
export function bubblewrapArguments(order: BubblewrapOrder): readonly string[] {
  const { isolation, directory, program, seccomp } = order;
  const { network, read, write, limits } = isolation;
  const size = ['--size', String(limits.fileBytes), '--tmpfs'];
  const shown = [...system, ...settings, ...(network ? networkSettings : [])];
  const pieces: readonly (readonly string[])[] = [
    ['--unshare-all', ...(network ? ['--share-net'] : [])],
    ['--unshare-user', '--disable-userns'],
    ['--uid', nobody, '--gid', nobody],
    ['--hostname', 'server'],
    ['--new-session', '--die-with-parent'],
    ['--cap-drop', 'ALL'],
    ...shown.map((path) => ['--ro-bind-try', path, path]),
    ['--proc', '/proc'],
    ['--dev', '/dev'],
    [...size, '/tmp'],
    [...size, homeInside],
    program === null ? [] : ['--ro-bind', program, program],
    ...read.map((path) => ['--ro-bind', path, path]),
    ...write.map((path) => ['--bind', path, path]),
    // What was made for the places above is not theirs to change.
    ['--remount-ro', '/'],
    ['--chdir', directory ?? homeInside],
    seccomp === null ? [] : ['--seccomp', String(seccomp)],
    ['--'],
  ];
  return pieces.flat();
}

/** The arguments of util-linux' prlimit before the command. Within the namespace of users, so that processes of others do not count. */
export function prlimitArguments({ limits }: Isolation): readonly string[] {
  const { memoryBytes, processes, cpuSeconds, openFiles, fileBytes } = limits;
  return [
    `--data=${memoryBytes}`,
    `--nproc=${processes}`,
    `--cpu=${cpuSeconds}`,
    `--nofile=${openFiles}`,
    `--fsize=${fileBytes}`,
    '--core=0',
    '--',
  ];
}
