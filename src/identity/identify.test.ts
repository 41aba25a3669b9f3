import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  assembleCertificate,
  buildTbs,
  type CertificateTemplate,
  signatureAlgorithmFor,
  signTbs,
} from '../x509/build-certificate.ts';
import { readCertificate } from '../x509/certificate.ts';
import type { AgentRecord } from './agent-record.ts';
import { Caller } from './caller.ts';
import { identify } from './identify.ts';
import type { IdentityView } from './identity-view.ts';
import { confirmStanding, Standing } from './standing.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const hour = 60 * 60_000;
const noon = Date.UTC(2026, 10, 23, 12);
const agentUri = 'spiffe://example.internal/agent/ci-bot';
const context = { trustDomain: 'example.internal', kinds: ['agent', 'ephemeral'] } as const;
const { privateKey: issuerKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** A certificate for the agent ci-bot, one hour from noon, changed as told. */
function certificate(changes: Partial<CertificateTemplate> = {}): Uint8Array {
  const template: CertificateTemplate = {
    serial: '1f00000000000000000000000000abcd',
    issuerDer: Buffer.from('300f310d300b06035504030c0474657374', 'hex'),
    subject: { commonName: 'ci-bot' },
    notBefore: noon,
    notAfter: noon + hour,
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    ca: null,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    uris: [agentUri],
    dnsNames: [],
    ipAddresses: [],
    authorityKeyId: null,
    ...changes,
  };
  const algorithm = signatureAlgorithmFor(issuerKey);
  const tbs = buildTbs(template, algorithm);
  return assembleCertificate(tbs, algorithm, signTbs(tbs, issuerKey));
}

const record: AgentRecord = {
  name: 'ci-bot',
  owner: 'build team',
  purpose: 'builds',
  roles: ['builder'],
  buildDigest: null,
  device: null,
  state: 'active',
  createdAt: noon,
  lastSeen: null,
};

function view(changes: Partial<IdentityView> = {}): IdentityView {
  return {
    trustDomain: 'example.internal',
    agent: (name) => (name === 'ci-bot' ? record : null),
    serialStatus: () => 'good',
    partner: () => null,
    profileOf: () => 'agent',
    inHardware: () => false,
    fresh: () => true,
    behind: () => 0,
    ...changes,
  };
}

test('I2 a certificate that fits its profile names one caller', () => {
  const der = certificate();
  const caller = identify(der, context);
  assert.equal(caller.kind, 'agent');
  assert.equal(caller.name, 'ci-bot');
  assert.equal(caller.spiffeId, agentUri);
  assert.equal(caller.serial, '1f00000000000000000000000000abcd');
  assert.equal(caller.thumbprint, readCertificate(der).thumbprint);
  assert.equal(caller.notAfter, noon + hour);
});

const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;

const badCertificates: readonly { title: string; changes: Partial<CertificateTemplate>; code: string }[] = [
  {
    title: 'two URI SANs',
    changes: { uris: [agentUri, 'spiffe://example.internal/agent/other'] },
    code: 'certificate_profile',
  },
  { title: 'the same URI SAN twice', changes: { uris: [agentUri, agentUri] }, code: 'certificate_profile' },
  { title: 'no URI SAN', changes: { uris: [] }, code: 'certificate_profile' },
  {
    title: 'a URI SAN that is no SPIFFE ID',
    changes: { uris: ['https://example.internal/agent/ci-bot'] },
    code: 'certificate_profile',
  },
  {
    title: 'the wrong extended key usage',
    changes: { extendedKeyUsage: ['serverAuth'] },
    code: 'certificate_profile',
  },
  {
    title: 'one extended key usage too many',
    changes: { extendedKeyUsage: ['clientAuth', 'serverAuth'] },
    code: 'certificate_profile',
  },
  { title: 'no extended key usage', changes: { extendedKeyUsage: [] }, code: 'certificate_profile' },
  { title: 'CA:TRUE', changes: { ca: { pathLength: null } }, code: 'certificate_profile' },
  {
    title: 'key usage keyCertSign',
    changes: { keyUsage: ['digitalSignature', 'keyCertSign'] },
    code: 'certificate_profile',
  },
  {
    title: 'another trust domain',
    changes: { uris: ['spiffe://evil.example/agent/ci-bot'] },
    code: 'trust_domain_mismatch',
  },
  {
    title: 'the kind of a server',
    changes: { uris: ['spiffe://example.internal/server/ci-bot'] },
    code: 'certificate_profile',
  },
  {
    title: 'a common name other than its SPIFFE ID',
    changes: { subject: { commonName: 'other' } },
    code: 'certificate_profile',
  },
  { title: 'a life above the cap', changes: { notAfter: noon + 25 * hour }, code: 'certificate_profile' },
  { title: 'a DNS name on an agent', changes: { dnsNames: ['localhost'] }, code: 'certificate_profile' },
  {
    title: 'a key that is too small',
    changes: { spki: new Uint8Array(small.export({ type: 'spki', format: 'der' })) },
    code: 'certificate_profile',
  },
];

for (const { title, changes, code } of badCertificates) {
  test(`I2 refuses a certificate with ${title}`, () => {
    assert.throws(() => identify(certificate(changes), context), fault(code));
  });
}

test('I2 refuses octets that are not one certificate', () => {
  const der = certificate();
  for (const octets of [new Uint8Array(), der.slice(0, -1), Buffer.concat([der, new Uint8Array(1)])]) {
    assert.throws(() => identify(octets, context), fault('malformed_der'));
  }
});

test('I2 a caller of good standing carries its record as it is now', () => {
  const standing = confirmStanding(identify(certificate(), context), view(), noon);
  assert.equal(standing.agent, record);
  assert.ok(Standing.proves(standing));
});

test('I2 refuses a certificate before its start and after its end, per request', () => {
  const caller = identify(certificate(), context);
  confirmStanding(caller, view(), noon);
  confirmStanding(caller, view(), noon + hour);
  assert.throws(() => confirmStanding(caller, view(), noon - 1), fault('certificate_not_yet_valid'));
  assert.throws(() => confirmStanding(caller, view(), noon + hour + 1), fault('certificate_expired'));
});

const refusals: readonly { title: string; changes: Partial<IdentityView>; code: string }[] = [
  { title: 'a revoked certificate', changes: { serialStatus: () => 'revoked' }, code: 'certificate_revoked' },
  {
    title: 'a certificate that was never issued',
    changes: { serialStatus: () => 'unknown' },
    code: 'certificate_unknown',
  },
  { title: 'an agent that is not registered', changes: { agent: () => null }, code: 'agent_unknown' },
  {
    title: 'a suspended agent',
    changes: { agent: () => ({ ...record, state: 'suspended' }) },
    code: 'agent_inactive',
  },
  {
    title: 'a retired agent',
    changes: { agent: () => ({ ...record, state: 'retired' }) },
    code: 'agent_inactive',
  },
  {
    title: 'everybody when the authority was not heard for too long',
    changes: { fresh: () => false },
    code: 'view_stale',
  },
  {
    title: 'everybody when the clock is behind that of the authority',
    changes: { behind: () => 60_001 },
    code: 'clock_behind',
  },
  {
    title: 'a caller of another trust domain',
    changes: { trustDomain: 'other.internal' },
    code: 'trust_domain_mismatch',
  },
];

for (const { title, changes, code } of refusals) {
  test(`I7 refuses ${title}, on a connection that was fine before`, () => {
    const caller = identify(certificate(), context);
    confirmStanding(caller, view(), noon);
    assert.throws(() => confirmStanding(caller, view(changes), noon), fault(code));
  });
}

test('I7 asks the view about the serial and the octets of this caller', () => {
  const caller = identify(certificate(), context);
  const asked: string[] = [];
  const watching = view({
    serialStatus(serial, thumbprint) {
      asked.push(serial, thumbprint);
      return 'good';
    },
  });
  confirmStanding(caller, watching, noon);
  assert.deepEqual(asked, [caller.serial, caller.thumbprint]);
});

test('I2 an ephemeral certificate has the profile that is on record, which it does not show itself', () => {
  const caller = identify(certificate(), context);
  assert.equal(confirmStanding(caller, view(), noon).profile, 'agent');
  assert.equal(confirmStanding(caller, view({ profileOf: () => 'ephemeral' }), noon).profile, 'ephemeral');
  assert.equal(confirmStanding(caller, view(), noon).hardware, false);
  assert.equal(confirmStanding(caller, view({ inHardware: () => true }), noon).hardware, true);
});

test('I2 a gateway, a server and an administrator have a standing without an agent record', () => {
  const der = certificate({
    subject: { commonName: 'first-admin' },
    uris: ['spiffe://example.internal/admin/first-admin'],
  });
  const caller = identify(der, { trustDomain: 'example.internal', kinds: ['admin'] });
  assert.equal(confirmStanding(caller, view({ agent: () => null }), noon).agent, null);
});

test('I2 neither a caller nor a standing can be made by hand', () => {
  const caller = identify(certificate(), context);
  const forged: Caller = Object.assign(Object.create(Caller.prototype), caller);
  assert.throws(() => confirmStanding(forged, view(), noon), TypeError);
  assert.throws(() => Reflect.construct(Caller, [Symbol('caller'), {}, context]), TypeError);
  assert.throws(() => Reflect.construct(Standing, [Symbol('standing'), caller, null]), TypeError);
  assert.throws(() => Object.assign(caller, { name: 'other' }), TypeError);
});

const above = (agents: Readonly<Record<string, Partial<AgentRecord>>>) =>
  view({ agent: (name) => (agents[name] ? { ...record, name, ...agents[name] } : null) });

test('I12 who is below an agent that is not active is refused like it, however far below', () => {
  const caller = identify(certificate(), context);
  const two = { 'ci-bot': { parent: 'middle' }, middle: { parent: 'top' } };
  assert.ok(confirmStanding(caller, above({ ...two, top: {} }), noon));
  for (const state of ['suspended', 'retired'] as const) {
    assert.throws(
      () => confirmStanding(caller, above({ ...two, top: { state } }), noon),
      fault('agent_inactive'),
    );
  }
  assert.throws(() => confirmStanding(caller, above(two), noon), fault('agent_inactive'));
  const round = { 'ci-bot': { parent: 'middle' }, middle: { parent: 'ci-bot' } };
  assert.throws(() => confirmStanding(caller, above(round), noon), fault('agent_inactive'));
});
