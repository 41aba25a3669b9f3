import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { CertificateTemplate } from '../x509/build-certificate.ts';
import { anAuthority } from '../x509/authority.fixture.ts';
import type { AgentRecord } from './agent-record.ts';
import type { Caller } from './caller.ts';
import { identify } from './identify.ts';
import type { IdentityView } from './identity-view.ts';
import type { PartnerRecord } from './partner-record.ts';
import { confirmStanding } from './standing.ts';

const noon = Date.UTC(2026, 10, 23, 12);
const hour = 60 * 60_000;
const theirs = 'spiffe://acme.example/agent/ci-1';
const partners = new Map([['acme.example', ['one', 'two']]]);
const context = { trustDomain: 'example.internal', kinds: ['agent', 'ephemeral'], partners } as const;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Who signed it, the handshake has seen to. */
function caller(changes: Partial<CertificateTemplate> = {}, given: Partial<typeof context> = {}): Caller {
  const leaf = anAuthority(
    {
      serial: '2a',
      ca: null,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['clientAuth'],
      subject: { commonName: 'ci-bot' },
      uris: [theirs],
      notBefore: noon,
      notAfter: noon + hour,
      ...changes,
    },
    privateKey,
  );
  return identify(leaf.der, { ...context, ...given });
}

const partner: PartnerRecord = {
  name: 'acme',
  trustDomain: 'acme.example',
  authorities: ['one', 'two', 'three'],
  mappings: [],
  maximumLife: hour,
  source: null,
  trustedFor: hour,
  sequence: null,
  refreshHint: null,
  addedAt: noon,
  readAt: noon,
};
const record: AgentRecord = {
  name: theirs,
  owner: 'partner/acme',
  purpose: '',
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
    agent: (name) => (name === theirs ? record : { ...record, name, owner: 'one of ours' }),
    partner: (trustDomain) => (trustDomain === 'acme.example' ? partner : null),
    serialStatus: () => 'good',
    profileOf: () => 'ephemeral',
    inHardware: () => true,
    fresh: () => true,
    behind: () => 0,
    ...changes,
  };
}

test('I11 a caller of a partner is named by its whole SPIFFE ID, and is neither the agent nor the profile that it looks like', () => {
  const one = caller();
  assert.deepEqual([one.kind, one.name, one.spiffeId], ['partner', theirs, theirs]);
  const standing = confirmStanding(one, view(), noon);
  assert.equal(standing.agent, record);
  // A certificate of ours with that serial may be on record, as another profile.
  assert.equal(standing.profile, 'partner');
  assert.equal(standing.hardware, false);
});

test('I11 nobody is a partner for a listener that was not told of partners, nor under our own trust domain', () => {
  assert.throws(
    () => identify(anAuthorityLeaf(theirs), { trustDomain: 'example.internal', kinds: ['agent'] }),
    {
      code: 'trust_domain_mismatch',
    },
  );
  const ours = new Map([['example.internal', ['one']]]);
  const one = caller({ uris: ['spiffe://example.internal/agent/ci-bot'] }, { partners: ours });
  assert.deepEqual([one.kind, one.vouchers], ['agent', null]);
  assert.throws(() => caller({ uris: ['spiffe://other.example/agent/ci-1'] }), {
    code: 'trust_domain_mismatch',
  });
});

function anAuthorityLeaf(uri: string): Uint8Array {
  const leaf = {
    ca: null,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    uris: [uri],
  } as const;
  return anAuthority({ ...leaf, subject: { commonName: 'ci-1' }, notBefore: noon, notAfter: noon + hour })
    .der;
}

const lost: readonly {
  readonly title: string;
  readonly changes: Partial<IdentityView>;
  readonly code: string;
}[] = [
  { title: 'whose partner is gone', changes: { partner: () => null }, code: 'partner_withdrawn' },
  {
    title: 'one of whose authorities is gone',
    changes: { partner: () => ({ ...partner, authorities: ['one', 'three'] }) },
    code: 'partner_withdrawn',
  },
  { title: 'that nothing maps', changes: { agent: () => null }, code: 'partner_unmapped' },
  {
    title: 'that lives longer than its partner may',
    changes: { partner: () => ({ ...partner, maximumLife: hour - 3 * 60_000 }) },
    code: 'certificate_profile',
  },
  {
    title: 'whose bundle was last read too long ago',
    changes: { partner: () => ({ ...partner, readAt: noon - hour - 1 }) },
    code: 'partner_expired',
  },
  {
    title: 'of anybody while the authority is not heard',
    changes: { fresh: () => false },
    code: 'view_stale',
  },
];

for (const { title, changes, code } of lost) {
  test(`I11 refuses a caller ${title}, on a connection that was fine before`, () => {
    const one = caller();
    confirmStanding(one, view(), noon);
    assert.throws(() => confirmStanding(one, view(changes), noon), { code });
  });
}

test('I11 a caller of a partner ends with its certificate, per request', () => {
  assert.throws(() => confirmStanding(caller(), view(), noon + hour + 1), { code: 'certificate_expired' });
  assert.throws(() => confirmStanding(caller(), view(), noon - 1), { code: 'certificate_not_yet_valid' });
});

test('I11 refuses a SPIFFE ID that would fill the log', () => {
  const long = `spiffe://acme.example/${'a'.repeat(500)}`;
  assert.throws(() => caller({ uris: [long] }), { code: 'certificate_profile' });
});
