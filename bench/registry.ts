import { fork } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createAuthorities } from '../src/bridge/authorities.ts';
import { followRemoteFeed } from '../src/app/feed/remote-feed.ts';
import { createRegistryView } from '../src/app/feed/registry-view.ts';
import { drawSerial } from '../src/ca/draw-serial.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { openTown, type Town } from '../test/journeys/deployment.ts';

/**
 * How long a gateway elsewhere takes to load a registry, over mutual TLS from the authority's listener, and how much memory it
 * holds then: `npm run bench:registry`. Authority and gateway are processes of their own on this machine; each agent has one
 * certificate in force.
 */
const agents = Number(process.env['REGISTRY_AGENTS'] ?? 100_000);

interface Place {
  readonly authority: string;
  readonly identity: { readonly certificate: string; readonly key: string; readonly authorities: string };
}

if (process.send) process.once('message', (place) => void load(place as Place));
else await measure();

async function measure(): Promise<void> {
  await using town = await openTown();
  const began = performance.now();
  await fill(town);
  print(`${agents} agents and certificates were written in ${seconds(began)} s.\n`);
  const { cert, key, ca } = await town.issue('bench', 'gateway');
  print('| agents | loaded, s | its CPU, s | memory more, MB |\n|--:|--:|--:|--:|');
  for (let round = 0; round < 3; round += 1) {
    const child = fork(import.meta.filename, { execArgv: ['--expose-gc'] });
    child.send({ authority: town.authorityUrl, identity: { certificate: cert, key, authorities: ca } });
    const [line] = await once(child, 'message');
    await once(child, 'exit');
    print(String(line));
  }
}

/** Agents and certificates straight into the store: the octets are none that anybody signed, which a gateway does not see. */
async function fill({ deployment }: Town): Promise<void> {
  const { store } = deployment.authority;
  const now = Date.now();
  for (let at = 0; at < agents; at += 500) {
    await Promise.all(
      Array.from({ length: Math.min(500, agents - at) }, async (_, index) => {
        const name = `bot-${at + index}`;
        const owner = `owner-${(at + index) % 1_000}@example.com`;
        const rest = { roles: ['reader'], buildDigest: null, device: null, createdAt: now, lastSeen: null };
        await store.agents.add({ name, owner, purpose: 'is one of many', state: 'active', ...rest });
        const serial = drawSerial();
        await store.certificates.reserve({
          serial,
          name,
          kind: 'agent',
          spiffeId: `spiffe://example.internal/agent/${name}`,
          state: 'reserved',
          notBefore: now,
          notAfter: now + 86_400_000,
          reservedAt: now,
          tbsHash: serial,
          der: null,
          replaces: null,
          door: 'bench',
          revokedAt: null,
          reason: null,
          revocation: null,
          keyHash: serial,
          issuer: null,
          hardware: null,
        });
        await store.certificates.complete(serial, randomBytes(640));
      }),
    );
  }
}

/** The gateway's side: from nothing to a registry that decisions rest on. */
async function load({ authority, identity }: Place): Promise<void> {
  const view = createRegistryView({ trustDomain: 'example.internal', clock: systemClock, staleness: 5_000 });
  // What the first connection of a process costs is no matter of the registry.
  generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const before = settledMemory();
  const cpu = process.cpuUsage();
  const began = performance.now();
  let stop = (): void => undefined;
  await new Promise<void>((resolve) => {
    stop = followRemoteFeed({
      authorities: createAuthorities(authority, () => undefined),
      identity: () => identity,
      listener(message) {
        view.apply(message);
        if (message.type === 'snapshot') resolve();
      },
      clock: systemClock,
      log: (line) => process.stderr.write(`${line}\n`),
    });
  });
  const took = seconds(began);
  const { user, system } = process.cpuUsage(cpu);
  const peak = process.memoryUsage.rss();
  const known = view.identity.agent(`bot-${agents - 1}`);
  if (!known) throw new Error('the last agent is not there');
  const more = (Math.max(peak, settledMemory()) - before) / 1e6;
  const cells = [agents, took, ((user + system) / 1e6).toFixed(2), more.toFixed(0)];
  process.send?.(`| ${cells.join(' | ')} |`);
  stop();
  process.disconnect?.();
}

function settledMemory(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

function seconds(began: number): string {
  return ((performance.now() - began) / 1_000).toFixed(2);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
