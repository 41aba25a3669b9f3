import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Narrator } from './narrator.ts';
import type { Place } from './place.ts';
import { everythingCommand, filesystemCommand } from './servers.ts';
import { ask, countersign, type Listening } from './stage.ts';

/** Step: an authority. */
export async function makeAuthority(place: Place, say: Narrator): Promise<void> {
  say.step('An authority of your own');
  const init = ['init', '--folder', place.data, '--passphrase-file', place.passphraseFile];
  const made = await ask<{ rootFingerprint: string }>([...init, '--trust-domain', 'example.internal']);
  say.fact(`State lies in ${place.data}`);
  say.fact(`The passphrase of its keys is random and lies in ${place.passphraseFile}`);
  say.check(
    `root and intermediate made: ${made.rootFingerprint}`,
    made.rootFingerprint.startsWith('sha256:'),
  );
}

/** Step: it listens. */
export function showListeners(listening: Listening, say: Narrator): void {
  say.step('countersign up: authority and gateway');
  for (const [name, url] of Object.entries(listening)) say.fact(`${name.padEnd(9)} ${url}`);
  say.check(
    'everything is on loopback',
    Object.values(listening).every((url) => url.includes('//127.0.0.1:')),
  );
}

/**
 * Step: servers, agents, a policy. From here on the tour is an administrator with a certificate: the running authority is
 * asked over mutual TLS, and no passphrase is needed.
 */
export async function register(place: Place, say: Narrator): Promise<void> {
  say.step('Two real MCP servers, two agents, one policy');
  const at = ['--folder', place.data];
  const who = ['--owner', 'you@example.com', '--role', 'guest'];
  await Promise.all([
    ask(['server', 'add', 'everything', ...at, '--', ...everythingCommand()]),
    ask(['server', 'add', 'files', ...at, '--', ...filesystemCommand(place.documents)]),
    ask(['agent', 'add', 'tour', ...at, ...who, '--purpose', 'The tour']),
    ask(['agent', 'add', 'thief', ...at, ...who, '--purpose', 'Is revoked']),
  ]);
  const policies = join(place.data, 'policies');
  const example = readFileSync(join(import.meta.dirname, '../examples/policies/tour.cedar'), 'utf8');
  const policy = join(policies, 'tour.cedar');
  writeFileSync(policy, example.replaceAll('/srv/documents', place.documents));
  say.fact('everything: @modelcontextprotocol/server-everything');
  say.fact('files:      @modelcontextprotocol/server-filesystem');
  say.fact(`policy:     ${policy}`);
  say.check('the policy is valid', (await countersign(['policy', 'check', policies])).code === 0);
}
