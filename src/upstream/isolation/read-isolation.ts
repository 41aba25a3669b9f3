import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import {
  defaultLimits,
  type Isolation,
  type IsolationKind,
  type ProcessLimits,
  type Wall,
  walls,
} from './isolation.ts';

const kinds: readonly IsolationKind[] = ['bubblewrap', 'podman', 'docker', 'none'];
const members = ['by', 'network', 'read', 'write', 'limits', 'without', 'image', 'digests'];
const mostPaths = 64;

/** What a limit may be set to. */
const bounds: Readonly<Record<keyof ProcessLimits, readonly [least: number, most: number]>> = {
  memoryBytes: [16 * 1_024 ** 2, 2 ** 40],
  processes: [1, 65_536],
  cpuSeconds: [1, 31_536_000],
  openFiles: [16, 1_048_576],
  fileBytes: [4_096, 2 ** 40],
};

/** Reads `isolation` of a definition; what is left out is as by default. Throws Fault `invalid_input` that names the member. */
export function readIsolation(json: Json): Isolation {
  if (!isJsonObject(json)) throw invalid('isolation', 'must be an object');
  refuseUnknown('isolation', json, members);
  const by = kinds.find((kind) => kind === (json['by'] ?? 'bubblewrap'));
  if (!by) throw invalid('isolation.by', `must be one of ${kinds.join(', ')}`);
  const network = json['network'] ?? false;
  if (typeof network !== 'boolean') throw invalid('isolation.network', 'must be true or false');
  const isolation: Isolation = {
    by,
    network,
    read: readPaths('isolation.read', json['read'] ?? []),
    write: readPaths('isolation.write', json['write'] ?? []),
    limits: readLimits(json['limits'] ?? {}),
    without: readWalls(json['without'] ?? []),
    image: readImage(by, json['image'] ?? null),
    digests: readDigests(json['digests'] ?? {}),
  };
  if (by === 'none') refuseUnheld(isolation);
  return Object.freeze(isolation);
}

/** What nobody would hold a server to must not look as if somebody did. */
function refuseUnheld({ network, read, write, without, limits }: Isolation): void {
  const changed = limits !== defaultLimits || network || read.length + write.length + without.length > 0;
  if (changed)
    throw invalid('isolation', 'by "none" has no walls, so nothing but by and digests can be said');
}

function readPaths(member: string, value: Json): readonly string[] {
  if (!Array.isArray(value) || value.length > mostPaths)
    throw invalid(member, `must be a list of up to ${mostPaths} paths`);
  return Object.freeze(value.map((path: Json, index) => readPath(`${member}[${index}]`, path)));
}

function readPath(member: string, value: Json): string {
  const plain = typeof value === 'string' && /^(\/[^/\0]+)+$/.test(value) && !/\/\.{1,2}(\/|$)/.test(value);
  if (!plain) throw invalid(member, 'must be an absolute path, not / itself, without "." or ".." in it');
  if (/^\/(proc|sys|dev)(\/|$)/.test(value))
    throw invalid(member, 'is the kernel’s, and no server gets that of the machine');
  return value;
}

function readLimits(value: Json): ProcessLimits {
  if (!isJsonObject(value)) throw invalid('isolation.limits', 'must be an object');
  refuseUnknown('isolation.limits', value, Object.keys(bounds));
  if (Object.keys(value).length === 0) return defaultLimits;
  const limit = (name: keyof ProcessLimits): number => {
    const given = value[name] ?? defaultLimits[name];
    const [least, most] = bounds[name];
    if (typeof given === 'number' && Number.isInteger(given) && given >= least && given <= most) return given;
    throw invalid(`isolation.limits.${name}`, `must be a whole number from ${least} to ${most}`);
  };
  return Object.freeze({
    memoryBytes: limit('memoryBytes'),
    processes: limit('processes'),
    cpuSeconds: limit('cpuSeconds'),
    openFiles: limit('openFiles'),
    fileBytes: limit('fileBytes'),
  });
}

function readWalls(value: Json): readonly Wall[] {
  if (!Array.isArray(value)) throw invalid('isolation.without', 'must be a list');
  return Object.freeze(
    value.map((name: Json, index) => {
      const wall = walls.find((one) => one === name);
      if (!wall) throw invalid(`isolation.without[${index}]`, `must be one of ${walls.join(', ')}`);
      return wall;
    }),
  );
}

function readImage(by: IsolationKind, value: Json): string | null {
  const contained = by === 'podman' || by === 'docker';
  if (!contained) {
    if (value === null) return null;
    throw invalid('isolation.image', `is for containers, and isolation.by is ${by}`);
  }
  if (typeof value === 'string' && /^[a-z0-9][a-z0-9._/:-]{0,254}@sha256:[0-9a-f]{64}$/.test(value))
    return value;
  throw invalid(
    'isolation.image',
    'must name an image by its digest, such as example/server@sha256:…; a tag may be another image tomorrow',
  );
}

function readDigests(value: Json): Readonly<Record<string, string>> {
  if (!isJsonObject(value) || Object.keys(value).length > mostPaths) {
    throw invalid('isolation.digests', `must be an object of up to ${mostPaths} paths`);
  }
  const read = Object.entries(value).map(([path, digest]): readonly [string, string] => {
    readPath('isolation.digests', path);
    if (typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest)) return [path, digest];
    throw invalid(`isolation.digests.${path}`, 'must be sha256: and 64 hexadecimal digits');
  });
  return Object.freeze(Object.fromEntries(read));
}

function refuseUnknown(member: string, json: JsonObject, known: readonly string[]): void {
  const unknown = Object.keys(json).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalid(`${member}.${unknown}`, `is not known; known are ${known.join(', ')}`);
}

function invalid(member: string, what: string): Fault {
  return new Fault('invalid_input', `The server definition's ${member} ${what}.`);
}
