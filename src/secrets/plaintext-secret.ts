import type { Json } from '../kernel/canonical-json.ts';
import { isJsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';

/** Names of members, headers and variables that say that a secret is meant. */
const secretNames =
  /pass(word|phrase|wd)?$|secret|token$|api[-_]?key|private[-_]?key|access[-_]?key|credential|[-_]pat$|^(proxy-)?authorization$|^cookie$|^x-auth/i;

/** Values that services hand out as credentials, by their public prefixes, and where credentials hide in URLs. */
const secretValues: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /^(gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|xapp-|sk-|sk_live_|rk_live_|whsec_|hv[sb]\.|AKIA|ASIA|npm_|pypi-|AIza|ya29\.)/,
  /^(SG\.|dop_v1_|hf_|shpat_|AGE-SECRET-KEY-)/,
  /^eyJ[\w-]+\.eyJ[\w-]+\./,
  /^(bearer|basic)\s+\S{8,}$/i,
  /^[a-z][a-z0-9+.-]*:\/\/[^/@\s:]+:[^/@\s]+@/i,
  /^https?:\/\/\S*[?&](access_?token|token|api_?key|key|secret|sig|signature|password)=[^&\s]{8,}/i,
  /^https:\/\/hooks\.slack\.com\/services\//i,
];

/** The way to move a secret that was found in plain text. */
export const wayToMove =
  'Put it in a secret store, a file with mode 0600 or the environment, and name that place; then change the secret, since it was on disk.';

/**
 * Refuses text that looks like a credential anywhere in a configuration, by its value or by the name of its member. Throws Fault
 * `config_invalid` that names the place and never the value.
 */
export function refusePlaintextSecrets(json: Json, source: string): void {
  refuse(json, source, (path, text) => isNamedSecret(path.at(-1) ?? '', text) || hasSecretValue(text));
}

/** The same by the value alone, for what has names that somebody else chose, such as those of tools. */
export function refuseSecretValues(json: Json, source: string): void {
  refuse(json, source, (_path, text) => hasSecretValue(text));
}

/** Whether a text that is no reference stands where a secret is meant. */
export function isNamedSecret(name: string, text: string): boolean {
  return secretNames.test(name) && text !== '' && !isReference(text);
}

/** Whether a text is what services hand out as credentials. */
export function hasSecretValue(text: string): boolean {
  return secretValues.some((pattern) => pattern.test(text));
}

/** `env:NAME`, `file:/path`, `vault:kv/data/github#token` */
function isReference(text: string): boolean {
  return /^[a-z][a-z0-9-]*:\S+$/.test(text);
}

type Visit<Result> = (path: readonly string[], text: string) => Result;

function refuse(json: Json, source: string, isSecret: Visit<boolean>): void {
  visit(json, [], (path, text) => {
    if (!isSecret(path, text)) return;
    throw new Fault(
      'config_invalid',
      `${source}: ${path.join('.')} holds what looks like a secret in plain text. ${wayToMove}`,
    );
  });
}

function visit(json: Json, path: readonly string[], take: Visit<void>): void {
  if (typeof json === 'string') return take(path, json);
  if (Array.isArray(json)) return json.forEach((item: Json, at) => visit(item, [...path, String(at)], take));
  if (isJsonObject(json))
    for (const [name, value] of Object.entries(json)) visit(value, [...path, name], take);
}
