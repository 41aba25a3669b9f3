import type { Json } from '../../kernel/canonical-json.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';

/** Members whose name says that a secret is meant. */
const secretNames = /pass(word|phrase|wd)?$|secret|token$|api[-_]?key|private[-_]?key|credential/i;

/** Values that services hand out as credentials, by their public prefixes. */
const secretValues: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /^(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|hvs\.|AKIA|ASIA|npm_|AIza|ya29\.)/,
  /^eyJ[\w-]+\.eyJ[\w-]+\./,
  /^(bearer|basic)\s+\S+/i,
  /^[a-z][a-z0-9+.-]*:\/\/[^/@\s:]+:[^/@\s]+@/i,
];

/**
 * Refuses text that looks like a credential anywhere in a configuration. Throws Fault `config_invalid` that names the
 * place and never the value.
 */
export function refusePlaintextSecrets(json: Json, source: string): void {
  visit(json, [], (path, text) => {
    const named = secretNames.test(path.at(-1) ?? '') && !isReference(text) && text !== '';
    if (!named && !secretValues.some((pattern) => pattern.test(text))) return;
    throw new Fault(
      'config_invalid',
      `${source}: ${path.join('.')} holds what looks like a secret in plain text. Put it in a secret store, a file ` +
        'with mode 0600 or the environment, and name that place; then change the secret, since it was on disk.',
    );
  });
}

/** `env:NAME`, `file:/path`, `vault:kv/data/github#token` */
function isReference(text: string): boolean {
  return /^[a-z][a-z0-9-]*:\S+$/.test(text);
}

function visit(
  json: Json,
  path: readonly string[],
  take: (path: readonly string[], text: string) => void,
): void {
  if (typeof json === 'string') return take(path, json);
  if (Array.isArray(json)) return json.forEach((item: Json, at) => visit(item, [...path, String(at)], take));
  if (isJsonObject(json))
    for (const [name, value] of Object.entries(json)) visit(value, [...path, name], take);
}
