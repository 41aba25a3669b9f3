import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before as beforeAll, test } from 'node:test';
import { post, type RawAnswer, rawInitialize } from '../../tour/raw-request.ts';
import { writeName } from '../../src/x509/name.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { openTown, type Presentable, type Town, until } from './deployment.ts';
import { mint, type Minting } from './mint.ts';
import { openLegacyServer } from './mcp-servers.ts';

// The worst case for whoever reads a certificate: the authority's own key signed it, its serial is on record, and it is
// still not one that may be. Each is shown to the gateway and to the authority, over real TLS.

let old: Awaited<ReturnType<typeof openLegacyServer>>;
let town: Town;

beforeAll(async () => {
  old = await openLegacyServer();
  town = await openTown();
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
});
after(async () => {
  await town[Symbol.asyncDispose]();
  await old[Symbol.asyncDispose]();
});

const hour = 3_600_000;
const uri = 'spiffe://example.internal/agent/ci-bot';

/** `code` is the fault of a request, null for a connection that OpenSSL ends in the handshake. */
const bad: readonly { readonly title: string; readonly minting: Minting; readonly code: string | null }[] = [
  { title: 'two URI names', minting: { changes: { uris: [uri, `${uri}-2`] } }, code: 'certificate_profile' },
  {
    title: 'two URI names, the second of a web page',
    minting: { changes: { uris: [uri, 'https://example.internal/x'] } },
    code: 'certificate_profile',
  },
  { title: 'no URI name', minting: { changes: { uris: [] } }, code: 'certificate_profile' },
  {
    title: 'a URI name that is no SPIFFE ID',
    minting: { changes: { uris: ['https://example.internal/agent/ci-bot'] } },
    code: 'certificate_profile',
  },
  {
    title: 'the extended key usage of a server',
    minting: { changes: { extendedKeyUsage: ['serverAuth'] } },
    code: null,
  },
  {
    title: 'an extended key usage too many',
    minting: { changes: { extendedKeyUsage: ['clientAuth', 'serverAuth'] } },
    code: 'certificate_profile',
  },
  {
    title: 'no extended key usage',
    minting: { changes: { extendedKeyUsage: [] } },
    code: 'certificate_profile',
  },
  // OpenSSL: the path length 0 of the intermediate holds for certificates below it that sign; this one is the leaf.
  {
    title: 'CA:TRUE',
    minting: { changes: { ca: { pathLength: 0 }, keyUsage: ['digitalSignature', 'keyCertSign'] } },
    code: 'certificate_profile',
  },
  {
    title: 'CA:TRUE, without the right to sign certificates',
    minting: { changes: { ca: { pathLength: null } } },
    code: 'certificate_profile',
  },
  {
    title: 'the trust domain of somebody else',
    minting: { changes: { uris: ['spiffe://example.org/agent/ci-bot'] } },
    code: null,
  },
  {
    title: 'a trust domain below ours',
    minting: { changes: { uris: ['spiffe://sub.example.internal/agent/ci-bot'] } },
    code: null,
  },
  {
    title: 'an end that has passed',
    minting: { changes: { notBefore: Date.now() - 2 * hour, notAfter: Date.now() - hour } },
    code: null,
  },
  {
    title: 'a start that has not come',
    minting: { changes: { notBefore: Date.now() + hour, notAfter: Date.now() + 2 * hour } },
    code: null,
  },
  {
    title: 'a life beyond the cap of its kind',
    minting: { changes: { notAfter: Date.now() + 48 * hour } },
    code: 'certificate_profile',
  },
  {
    title: 'a common name that is not the name in its SPIFFE ID',
    minting: { changes: { subject: { commonName: 'other' } } },
    code: 'certificate_profile',
  },
  {
    title: 'a DNS name beside its SPIFFE ID',
    minting: { changes: { dnsNames: ['localhost'] } },
    code: 'certificate_profile',
  },
  {
    title: 'the kind of a gateway',
    minting: { kind: 'gateway', name: 'edge' },
    code: 'certificate_profile',
  },
  { title: 'a serial that was never given out', minting: { recorded: false }, code: 'certificate_unknown' },
  { title: 'the name of nobody', minting: { name: 'nobody' }, code: 'agent_unknown' },
];

for (const { title, minting, code } of bad) {
  test(`I2 T1 a certificate with ${title} is refused by the gateway, and the refusal is in the log`, async () => {
    const before = (await town.events()).length;
    const answer = await rawInitialize(town.endpoint('old'), await mint(town, minting));
    assert.equal(old.seen.length, 0, 'nothing was forwarded');
    if (code === null) {
      assert.equal(answer.status, null, `${answer.status} ${answer.body}`);
      await refusalAfter(before, ({ type }) => type === 'connection.refused');
    } else {
      // A connection without standing may be cut while its request waits for news of the certificate.
      assert.ok(answer.status === null || answer.status === 403, `${answer.status}`);
      if (answer.status === 403) assert.equal(codeOf(answer), code);
      await refusalAfter(before, (event) => event.type === 'call.refused' && event['code'] === code);
    }
  });
}

test('I7 T1 a certificate that is revoked is refused by the gateway and by the authority', async () => {
  const shown = await town.issue('ci-bot');
  await town.deployment.authority.revoke({ serial: shown.serial, reason: 'test' }, 'test');
  assert.equal(codeOf(await rawInitialize(town.endpoint('old'), shown)), 'certificate_revoked');
  assert.equal(codeOf(await renew(shown)), 'certificate_revoked');
});

test('I2 T1 a leaf that signs another leaf convinces nobody', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const parent = await mint(town, { key: privateKey });
  const child = await mint(town, {
    signer: { key: privateKey, chain: parent.cert },
    changes: { issuerDer: writeName({ commonName: 'ci-bot' }) },
    recorded: false,
  });
  assert.equal((await rawInitialize(town.endpoint('old'), child)).status, null);
  assert.equal((await renew(child)).status, 403);
});

for (const { title, minting } of bad) {
  // A gateway may renew; it is only no agent.
  if (minting.kind === 'gateway') continue;
  test(`I6 a certificate with ${title} is not renewed by the authority`, async () => {
    const answer = await renew(await mint(town, minting), minting.name);
    assert.ok(answer.status === 403 || answer.status === null, `${answer.status} ${answer.body}`);
    assert.ok(!answer.body.includes('BEGIN CERTIFICATE'));
  });
}

async function renew(shown: Presentable, commonName = 'ci-bot'): Promise<RawAnswer> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName }));
  return await post(`${town.authorityUrl}/v1/enrol/renew`, shown, false, { csr }, {});
}

function codeOf({ body }: RawAnswer): unknown {
  const answer = JSON.parse(body) as { code?: string; error?: { data?: { code?: string } } };
  return answer.code ?? answer.error?.data?.code;
}

type Event = Awaited<ReturnType<Town['events']>>[number];

/** Waits until the gateway's log has a refusal after so many entries; that of a stranger is written behind the answer. */
async function refusalAfter(entries: number, isIt: (event: Event) => boolean): Promise<void> {
  let events: readonly Event[] = [];
  await until(
    () => events.slice(entries).some(isIt),
    async () => {
      events = await town.events();
    },
  );
}
