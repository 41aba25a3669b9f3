import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { certify } from '../src/ca/certify.ts';
import { readPemRequest } from '../src/ca/request.ts';
import { encodePem } from '../src/x509/pem.ts';
import { buildRequest } from '../src/x509/request.ts';
import { openTown, type Town } from '../test/journeys/deployment.ts';

/**
 * Certificates a second of an authority with an encrypted key file, durable state and durable log: by call, with the proof of
 * possession read and checked for each, and over mutual TLS, beside what `openssl speed` says of this machine:
 * `npm run bench:issuance`. Everything runs on this machine, the clients too.
 */
const count = Number(process.env['ISSUANCE_COUNT'] ?? 6_000);
const inFlight = 64;
const connections = 16;

/** What a request read, its possession checked and a certificate signed cost in Go, on a machine of this kind; without state or log. */
const goElsewhere = [
  '| Go 1.19 crypto/x509, one goroutine, measured apart | 3400–3500 | | |',
  '| Go 1.19 crypto/x509, two goroutines, measured apart | 7000 | | |',
];

await using town = await openTown();
await town.addAgent('bench');
print('| what | a second | p50 ms | p99 ms |\n|---|---|---|---|');
row('issued by call, 64 at once', await byCall(town));
row('renewed over mutual TLS, 16 connections', await overTls(town));
for (const line of [...opensslSpeed(), ...goElsewhere]) print(line);

interface Timed {
  readonly perSecond: number;
  readonly milliseconds: readonly number[];
}

async function byCall({ deployment }: Town): Promise<Timed> {
  const { ca } = deployment.authority;
  const requests = Array.from({ length: count }, () => csr());
  const evidence = {
    door: 'bench',
    name: 'bench',
    kind: 'agent',
    owner: 'bench',
    dnsNames: [],
    ipAddresses: [],
    replaces: null,
  } as const;
  return await paced(inFlight, requests, async (pem) => {
    await certify({ request: await readPemRequest(pem), evidence, requestedLife: null }, ca);
  });
}

async function overTls(town: Town): Promise<Timed> {
  const identities = await Promise.all(Array.from({ length: connections }, () => town.issue('bench')));
  const agents = identities.map(
    ({ cert, key, ca }) => new Agent({ cert, key, ca, keepAlive: true, maxSockets: 1 }),
  );
  const url = new URL('/v1/enrol/renew', town.authorityUrl);
  const requests = Array.from({ length: Math.ceil(count / 3) }, () => csr());
  let next = 0;
  try {
    return await paced(connections, requests, async (pem) => {
      const agent = agents[next++ % connections];
      const sent = request(url, {
        method: 'POST',
        ...(agent && { agent }),
        headers: { 'content-type': 'application/json' },
      });
      sent.end(JSON.stringify({ csr: pem }));
      const [answer] = await once(sent, 'response');
      const body = (await answer.toArray()).join('');
      if (answer.statusCode !== 200) throw new Error(body);
    });
  } finally {
    for (const agent of agents) agent.destroy();
  }
}

/** Does something with each, so many at once; a tenth as many go before, unmeasured. */
async function paced<Item>(
  width: number,
  items: readonly Item[],
  act: (item: Item) => Promise<void>,
): Promise<Timed> {
  const all = items.slice();
  const warm = all.splice(0, items.length / 10);
  const drain = async (queue: Item[], times: number[]): Promise<void> => {
    const worker = async (): Promise<void> => {
      for (let item = queue.pop(); item !== undefined; item = queue.pop()) {
        const began = performance.now();
        await act(item);
        times.push(performance.now() - began);
      }
    };
    await Promise.all(Array.from({ length: width }, worker));
  };
  await drain(warm, []);
  const milliseconds: number[] = [];
  const began = performance.now();
  const measured = all.length;
  await drain(all, milliseconds);
  return { perSecond: (measured * 1_000) / (performance.now() - began), milliseconds };
}

function csr(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'bench' }));
}

function opensslSpeed(): readonly string[] {
  const said = execFileSync('openssl', ['speed', '-seconds', '2', 'ecdsap256'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [, sign = '', verify = ''] = /nistp256\)\s+\S+\s+\S+\s+(\S+)\s+(\S+)/.exec(said) ?? [];
  return [
    `| openssl speed ecdsap256: sign | ${sign} | | |`,
    `| openssl speed ecdsap256: verify | ${verify} | | |`,
  ];
}

function row(what: string, { perSecond, milliseconds }: Timed): void {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const share = (part: number): string => (sorted[Math.floor(part * sorted.length)] ?? 0).toFixed(1);
  print(`| ${what} | ${perSecond.toFixed(0)} | ${share(0.5)} | ${share(0.99)} |`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
