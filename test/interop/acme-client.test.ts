import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import { createServer as createTlsServer } from 'node:tls';
import { once } from 'node:events';
import { test } from 'node:test';
import * as acme from 'acme-client';
import { Agent as Dispatcher, fetch } from 'undici';
import { renewalId } from '../../src/enrol/acme/renewal-info.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { legacyClient, mutualFetch } from '../journeys/mcp-clients.ts';
import { type AcmeTown, openAcmeTown } from './acme-town.ts';

/** A client of the package acme-client, with its account opened. */
async function clientOf(
  at: AcmeTown,
  externalAccountBinding: { readonly kid: string; readonly hmacKey: string },
): Promise<acme.Client> {
  acme.axios.defaults.httpsAgent = new Agent({ ca: at.roots });
  const client = new acme.Client({
    directoryUrl: at.directory,
    accountKey: await acme.crypto.createPrivateEcdsaKey(),
    externalAccountBinding: { ...externalAccountBinding },
    backoffMin: 50,
    backoffMax: 200,
  });
  await client.createAccount({ termsOfServiceAgreed: true, contact: ['mailto:ops@example.internal'] });
  return client;
}

type Order = Awaited<ReturnType<acme.Client['createOrder']>>;

/** Proves every name of an order by one type of challenge; `show` puts what is to be found in its place. */
async function prove(
  client: acme.Client,
  order: Order,
  type: string,
  show: (proof: { readonly identifier: string; readonly token: string; readonly value: string }) => unknown,
): Promise<void> {
  for (const authorization of await client.getAuthorizations(order)) {
    const challenge = authorization.challenges.find((one) => one.type === type);
    assert.ok(challenge, `no ${type}`);
    const value = await client.getChallengeKeyAuthorization(challenge);
    await show({ identifier: authorization.identifier.value, token: challenge.token, value });
    await client.completeChallenge(challenge);
    await client.waitForValidStatus(challenge);
  }
}

/** What acme-client asks to be served for http-01. */
const overHttp =
  (at: AcmeTown) =>
  ({ token, value }: { readonly token: string; readonly value: string }) =>
    at.pages.set(`/.well-known/acme-challenge/${token}`, value);

async function finish(
  client: acme.Client,
  order: Order,
  names: readonly string[],
): Promise<{
  readonly chain: string;
  readonly key: Buffer;
  readonly leaf: ReturnType<typeof readCertificate>;
}> {
  const made = await acme.crypto.createPrivateEcdsaKey();
  const [key, csr] = await acme.crypto.createCsr({ altNames: [...names] }, made);
  const done = await client.finalizeOrder(order, csr);
  const chain = await client.getCertificate(done);
  const [leaf] = decodePem(chain, 'CERTIFICATE').map(readCertificate);
  assert.ok(leaf);
  return { chain, key, leaf };
}

const dns = (value: string) => ({ type: 'dns', value });

test('I3 acme-client enrols a server over http-01, renews it and revokes it', async () => {
  await using at = await openAcmeTown();
  await at.serveHttp();
  const client = await clientOf(at, await at.key('files'));
  const name = 'files.example.internal';

  const order = await client.createOrder({ identifiers: [dns(name)] });
  await prove(client, order, 'http-01', overHttp(at));
  const { chain, leaf } = await finish(client, order, [name]);
  assert.deepEqual(leaf.uris, ['spiffe://example.internal/server/files']);
  assert.deepEqual(leaf.dnsNames, [name]);
  assert.deepEqual(leaf.ipAddresses, []);
  assert.deepEqual(leaf.extendedKeyUsage, ['serverAuth']);
  assert.equal(leaf.commonName, 'files');
  const [, intermediate, ...more] = decodePem(chain, 'CERTIFICATE');
  assert.ok(intermediate && more.length === 0);
  const root = new X509Certificate(at.roots);
  const issuer = new X509Certificate(intermediate);
  assert.ok(new X509Certificate(leaf.der).verify(issuer.publicKey) && issuer.verify(root.publicKey));

  // Renewal as RFC 9773 has it: ask when, then say what is replaced.
  const dispatcher = new Dispatcher({ connect: { ca: at.roots } });
  const told = await fetch(`${at.town.authorityUrl}/acme/renewal-info/${renewalId(leaf)}`, { dispatcher });
  const { suggestedWindow } = (await told.json()) as { suggestedWindow: { start: string; end: string } };
  assert.ok(Number(told.headers.get('retry-after')) >= 30);
  assert.ok(leaf.notBefore < Date.parse(suggestedWindow.start));
  assert.ok(Date.parse(suggestedWindow.start) < Date.parse(suggestedWindow.end));
  assert.ok(Date.parse(suggestedWindow.end) < leaf.notAfter);
  const replacing = { identifiers: [dns(name)], replaces: renewalId(leaf) };
  const next = await client.createOrder(replacing);
  await prove(client, next, 'http-01', overHttp(at));
  const renewed = await finish(client, next, [name]);
  const record = await at.town.deployment.authority.store.certificates.find(renewed.leaf.serial);
  assert.equal(record?.replaces, leaf.serial);
  assert.equal(record?.door, 'acme');
  await assert.rejects(client.createOrder(replacing), /another order replaces/i);

  await client.revokeCertificate(chain);
  const first = await at.town.deployment.authority.store.certificates.find(leaf.serial);
  assert.equal(first?.state, 'revoked');
  await assert.rejects(client.revokeCertificate(chain), /revoked already/);
  const late = await fetch(`${at.town.authorityUrl}/acme/renewal-info/${renewalId(leaf)}`, { dispatcher });
  const past = (await late.json()) as { suggestedWindow: { end: string } };
  assert.ok(Date.parse(past.suggestedWindow.end) <= Date.now());
  await dispatcher.destroy();
});

test('I3 acme-client proves a wildcard in its zone, a name over TLS-ALPN, and an address', async () => {
  await using at = await openAcmeTown();
  await at.serveHttp();
  const client = await clientOf(at, await at.key('files'));

  const wildcard = ['*.files.example.internal', 'files.example.internal'];
  const zone = await client.createOrder({ identifiers: wildcard.map(dns) });
  await prove(client, zone, 'dns-01', ({ identifier, value }) => {
    const name = `_acme-challenge.${identifier}`;
    at.texts.set(name, [...(at.texts.get(name) ?? []), value]);
  });
  assert.deepEqual((await finish(client, zone, wildcard)).leaf.dnsNames.toSorted(), wildcard.toSorted());

  const name = 'tls.example.internal';
  const tls = await client.createOrder({ identifiers: [dns(name)] });
  await using server = new AsyncDisposableStack();
  await prove(client, tls, 'tls-alpn-01', async ({ identifier, value }) => {
    const [key, cert] = await acme.crypto.createAlpnCertificate(
      { identifier: dns(identifier) } as never,
      value,
    );
    const listener = createTlsServer({ key, cert, ALPNProtocols: ['acme-tls/1'] });
    listener.listen(at.tlsPort, '127.0.0.1');
    await once(listener, 'listening');
    server.defer(() => void listener.close());
  });
  assert.deepEqual((await finish(client, tls, [name])).leaf.dnsNames, [name]);

  const address = await client.createOrder({ identifiers: [{ type: 'ip', value: '127.0.0.1' }] });
  await prove(client, address, 'http-01', overHttp(at));
  assert.deepEqual((await finish(client, address, ['127.0.0.1'])).leaf.ipAddresses, ['127.0.0.1']);
});

test('I3 an account that is bound to an agent gets the certificate of that agent, which the gateway lets in', async () => {
  await using at = await openAcmeTown();
  await at.serveHttp();
  await at.town.addAgent('ci-bot');
  const name = 'runner.example.internal';
  const client = await clientOf(at, await at.key('ci-bot', { kind: 'agent', dnsNames: [name] }));
  await assert.rejects(
    client.createOrder({ identifiers: [dns('other.example.internal')] }),
    /not among the names/,
  );
  const order = await client.createOrder({ identifiers: [dns(name)] });
  await prove(client, order, 'http-01', overHttp(at));
  const { leaf, chain, key } = await finish(client, order, [name]);
  assert.deepEqual(leaf.uris, ['spiffe://example.internal/agent/ci-bot']);
  assert.deepEqual(leaf.dnsNames, []);
  assert.deepEqual(leaf.extendedKeyUsage, ['clientAuth']);
  await using over = mutualFetch({ ca: at.roots, cert: chain, key: key.toString() });
  const agent = await legacyClient(`${at.town.gateway.agents.url}/mcp`, over);
  assert.deepEqual((await agent.listTools()).tools, []);
  await agent.close();
  await at.town.deployment.authority.changeAgentState('ci-bot', 'suspended', 'test');
  await assert.rejects(client.createOrder({ identifiers: [dns(name)] }), /is not active/);
});

test('I3 twenty-four orders of four accounts at once give as many certificates, each for its own names and key', async () => {
  await using at = await openAcmeTown();
  await at.serveHttp();
  const issued = await Promise.all(
    ['one', 'two', 'three', 'four'].map(async (server) => {
      const client = await clientOf(at, await at.key(server));
      return Promise.all(
        Array.from({ length: 6 }, async (_, number) => {
          const name = `h${number}.${server}.example.internal`;
          const order = await client.createOrder({ identifiers: [dns(name)] });
          await prove(client, order, 'http-01', overHttp(at));
          const { leaf, key } = await finish(client, order, [name]);
          assert.deepEqual(leaf.dnsNames, [name]);
          assert.deepEqual(leaf.uris, [`spiffe://example.internal/server/${server}`]);
          assert.ok(new X509Certificate(leaf.der).checkPrivateKey(createPrivateKey(key)));
          return leaf.serial;
        }),
      );
    }),
  );
  assert.equal(new Set(issued.flat()).size, 24);
  const records = await at.town.deployment.authority.store.certificates.list({ state: 'issued' });
  assert.equal(records.filter(({ door }) => door === 'acme').length, 24);
});
