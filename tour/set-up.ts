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
  // What the tour starts is in this checkout; docs/isolation.md has what servers of your own get.
  const open = ['--isolation', 'none'];
  const who = ['--owner', 'you@example.com', '--role', 'guest'];
  await Promise.all([
    ask(['server', 'add', 'everything', ...open, ...at, '--', ...everythingCommand()]),
    ask(['server', 'add', 'files', ...open, ...at, '--', ...filesystemCommand(place.documents)]),
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

/** Step: an administrator looks at what the servers offer, and approves it as it stands. */
export async function approveTools(place: Place, say: Narrator): Promise<void> {
  say.step('Tools are approved as they stand: one that changes is refused from then on');
  const at = ['--folder', place.data];
  const waiting = await toolsSeen(at, 2);
  say.fact(
    `${waiting.length} tools wait, such as ${waiting[0]?.server}/${waiting[0]?.tool} (sha256 ${waiting[0]?.hash})`,
  );
  const servers = ['everything', 'files'];
  const approved = await Promise.all(
    servers.map((server) => ask<readonly SeenTool[]>(['tool', 'approve', server, '--all', ...at])),
  );
  say.check(
    'none could be used before, and all of them are approved now',
    waiting.every(({ state }) => state === 'waiting') && approved.flat().length === waiting.length,
  );
}

interface SeenTool {
  readonly server: string;
  readonly tool: string;
  readonly state: string;
  readonly hash: string;
}

/** The tools once so many servers were looked at; the gateway does that by itself. */
async function toolsSeen(at: readonly string[], servers: number): Promise<readonly SeenTool[]> {
  let seen: readonly SeenTool[] = [];
  for (let waited = 0; waited < 60; waited++) {
    seen = await ask<readonly SeenTool[]>(['tool', 'list', ...at]);
    if (new Set(seen.map(({ server }) => server)).size === servers) break;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return seen;
}
