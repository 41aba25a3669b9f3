import { realpath } from 'node:fs/promises';
import { delimiter, isAbsolute } from 'node:path';
import { assertNever } from '../../kernel/assert-never.ts';
import { sha256 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { bubblewrapArguments, homeInside, prlimitArguments } from './bubblewrap.ts';
import { containerCommand } from './container.ts';
import { demandDigests } from './digest-of-files.ts';
import type { Isolation } from './isolation.ts';
import { findProgram, firstUser, lastUser, type Machine } from './machine.ts';

/** How a server is started. */
export interface Launch {
  readonly command: readonly string[];
  /** Where; null for a fresh home that is made for it outside. */
  readonly directory: string | null;
  readonly environment: Readonly<Record<string, string>>;
  /** The user and group that it is started as; null for those of the gateway. */
  readonly user: number | null;
  /** What is written to its descriptor 3; null for none. */
  readonly seccomp: Uint8Array | null;
}

export interface LaunchOrder {
  readonly name: string;
  readonly command: readonly string[];
  readonly directory: string | null;
  readonly isolation: Isolation;
  /** Without HOME. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Puts the walls of a definition around its command. Throws Fault `program_changed`, `isolation_unavailable` when a wall cannot be had
 * and nobody said that it may be missing, or `upstream_unreachable` when there is no such program.
 */
export async function enclose(order: LaunchOrder, machine: () => Promise<Machine>): Promise<Launch> {
  const { name, command, directory, environment, isolation } = order;
  await demandDigests(name, isolation.digests);
  switch (isolation.by) {
    case 'none':
      return { command, directory, environment, user: null, seccomp: null };
    case 'podman':
    case 'docker': {
      const variables = Object.keys(environment).filter((variable) => variable !== 'PATH');
      const contained = containerCommand(isolation, command, { directory, variables });
      return { command: contained, directory: null, environment, user: null, seccomp: null };
    }
    case 'bubblewrap':
      return await within(order, await machine());
    default:
      return assertNever(isolation.by);
  }
}

/** Why a server of this isolation cannot be started on a machine; null when it can. */
export function lacking({ by, without }: Isolation, { missing }: Machine): string | null {
  if (by !== 'bubblewrap') return null;
  const lacks = [...missing].filter(([wall]) => !without.includes(wall));
  if (lacks.length === 0) return null;
  return lacks.map(([wall, why]) => `${wall}: ${why}`).join('; ');
}

async function within(order: LaunchOrder, machine: Machine): Promise<Launch> {
  const { name, command, directory, environment, isolation } = order;
  const lacks = lacking(isolation, machine);
  if (lacks !== null) {
    throw new Fault(
      'isolation_unavailable',
      `MCP server ${name} is not started: this machine cannot isolate it (${lacks}). Install what is missing, have it run in a ` +
        'container, or register it with --without and the wall, or with --isolation none; see docs/isolation.md.',
    );
  }
  const { bubblewrap, prlimit, root, missing } = machine;
  const limited = prlimit === null || missing.has('limits') ? [] : [prlimit, ...prlimitArguments(isolation)];
  if (bubblewrap === null || missing.has('namespaces')) {
    // The operator does without namespaces here; limits there are all the same.
    return { command: [...limited, ...command], directory, environment, user: null, seccomp: null };
  }
  const program = await programOf(name, command[0] ?? '', environment['PATH'] ?? '');
  const shown = [...systemFolders, ...isolation.read, ...isolation.write];
  const seccomp = missing.has('seccomp') ? null : machine.seccomp;
  const wrapped = bubblewrapArguments({
    isolation,
    directory,
    program: shown.some((folder) => isWithin(program, folder)) ? null : program,
    seccomp: seccomp && 3,
  });
  return {
    command: [bubblewrap, ...wrapped, ...limited, program, ...command.slice(1)],
    directory: '/',
    environment: { ...environment, HOME: homeInside, PATH: searchPath(environment['PATH'] ?? '', shown) },
    user: root ? userOf(name) : null,
    seccomp,
  };
}

/** The folders of the gateway's search path that the server sees, before those that every machine has. */
function searchPath(path: string, shown: readonly string[]): string {
  const seen = path.split(delimiter).filter((folder) => shown.some((one) => isWithin(folder, one)));
  return [...new Set([...seen, '/usr/local/bin', '/usr/bin', '/bin'])].join(delimiter);
}

const systemFolders = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/nix/store'];

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** The file of a program, with links followed: within the walls they may lead nowhere. */
async function programOf(name: string, program: string, path: string): Promise<string> {
  const found = isAbsolute(program) ? program : await findProgram(program, path);
  try {
    return await realpath(found ?? '');
  } catch (cause) {
    const detail = `MCP server ${name} cannot be started: there is no program ${program} on the PATH of the gateway. Install it, or name it by its whole path.`;
    throw new Fault('upstream_unreachable', detail, { cause });
  }
}

/** A user for each server, the same at every start. */
function userOf(name: string): number {
  const [first = 0, second = 0, third = 0] = sha256(name);
  return firstUser + (((first << 16) | (second << 8) | third) % (lastUser - firstUser + 1));
}
