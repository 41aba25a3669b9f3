import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AuditEvent } from '../../audit/log.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { anAuthority } from '../../x509/authority.fixture.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { encodePem } from '../../x509/pem.ts';
import { writeSpiffeBundle } from '../../x509/spiffe-bundle.ts';
import { openStore } from '../store/open-store.ts';
import type { FetchBundle } from './fetch-bundle.ts';
import { openPartners, type PartnerOrder, type Partners } from './partners.ts';

const noon = Date.UTC(2026, 10, 26, 12);
const named = (commonName: string): Certificate => anAuthority({ subject: { commonName } });
const ours = named('our root');
const [first, second, third] = [named('first'), named('second'), named('third')];

/** Partners of a store of their own; `serve` says what is fetched. */
async function withPartners(
  use: (
    world: Partners & { readonly events: AuditEvent[]; serve(bundle: Fetched | Fault): void },
  ) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-partners-'));
  const clock: Clock = { now: () => noon, monotonic: () => 0 };
  const events: AuditEvent[] = [];
  let served: Fetched | Fault = new Fault('unavailable', 'nobody there');
  try {
    await using store = await openStore({ file: join(folder, 'state.db'), clock });
    const partners = openPartners({
      trustDomain: 'example.internal',
      own: () => [ours],
      store,
      audit: { append: async (event: AuditEvent) => ({ index: events.push(event) }) },
      clock,
      async fetch() {
        if (served instanceof Fault) throw served;
        return { refreshHint: null, ...served };
      },
    });
    await use({ ...partners, events, serve: (bundle) => void (served = bundle) });
  } finally {
    await rm(folder, { recursive: true });
  }
}

type Fetched = Pick<Awaited<ReturnType<FetchBundle>>, 'authorities' | 'sequence'>;

const source = {
  url: 'https://acme.example/bundle',
  known: { by: 'web', authorities: null },
  privateAddresses: false,
} as const;

const of = (id: string): PartnerOrder['source'] => ({ ...source, known: { by: 'spiffe', id } });

function order(changes: Partial<PartnerOrder> = {}): PartnerOrder {
  return {
    name: 'acme',
    trustDomain: 'acme.example',
    bundle: null,
    authorities: null,
    source: null,
    mappings: [{ pattern: '/agent/*', roles: [] }],
    maximumLife: 1,
    trustedFor: null,
    replace: false,
    ...changes,
  };
}

const pem = (...authorities: readonly Certificate[]): string =>
  authorities.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
const types = (events: readonly AuditEvent[]): readonly string[] => events.map(({ type }) => type);

test('I11 a partner begins with a bundle, with authorities in PEM, or with what is fetched', async () => {
  await withPartners(async ({ add, serve, list }) => {
    const document = writeSpiffeBundle({ authorities: [first], sequence: 3, refreshHint: 60 });
    const fromFile = await add(order({ bundle: JSON.stringify(document) }), 'test');
    assert.deepEqual([fromFile.sequence, fromFile.refreshHint], [3, 60]);
    await add(order({ name: 'two', trustDomain: 'two.example', authorities: pem(second, second) }), 'test');
    serve({ authorities: [third], sequence: null });
    await add(order({ name: 'three', trustDomain: 'three.example', source }), 'test');
    assert.deepEqual(
      (await list()).map(({ name, authorities }) => [name, authorities.length]),
      [
        ['acme', 1],
        ['three', 1],
        ['two', 1],
      ],
    );
  });
});

test('I11 two partners never share a trust domain or a key, and none has ours', async () => {
  await withPartners(async ({ add, list }) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await add(order({ authorities: pem(anAuthority({ subject: { commonName: 'a' } }, privateKey)) }), 'test');
    const other = { name: 'other', trustDomain: 'other.example' };
    const sameKey = pem(anAuthority({ subject: { commonName: 'b' } }, privateKey));
    const refused: readonly (readonly [Partial<PartnerOrder>, string])[] = [
      [{ name: 'other', authorities: pem(first) }, 'conflict'],
      [{ ...other, trustDomain: 'example.internal', authorities: pem(first) }, 'conflict'],
      [{ ...other, authorities: sameKey }, 'bundle_refused'],
      [{ ...other, authorities: pem(first, ours) }, 'bundle_refused'],
      [{ authorities: pem(first) }, 'conflict'],
      [other, 'invalid_input'],
      [
        { ...other, authorities: pem(first), source: of('spiffe://acme.example/server/authority') },
        'invalid_input',
      ],
      [{ ...other, source: of('spiffe://other.example/server/authority') }, 'invalid_input'],
      [{ ...other, trustDomain: 'Other.Example', authorities: pem(first) }, 'invalid_input'],
    ];
    for (const [changes, code] of refused) await assert.rejects(add(order(changes), 'test'), { code });
    assert.equal((await list()).length, 1);
  });
});

test('I11 a bundle that is fetched takes the place of the one before; an older one never does', async () => {
  await withPartners(async ({ add, refresh, serve, events }) => {
    serve({ authorities: [first], sequence: 5 });
    await add(order({ source }), 'test');
    serve({ authorities: [first, second], sequence: 6 });
    assert.equal((await refresh('acme')).authorities.length, 2);
    serve({ authorities: [first], sequence: 5 });
    await assert.rejects(refresh('acme'), { code: 'bundle_refused' });
    // A bundle that says no sequence does not forget the one that was seen.
    serve({ authorities: [second], sequence: null });
    assert.equal((await refresh('acme')).sequence, 6);
    assert.deepEqual(types(events), [
      'partner.added',
      'partner.refreshed',
      'partner.unreachable',
      'partner.refreshed',
    ]);
  });
});

test('I11 what cannot be fetched or is not accepted leaves what was in force, and is recorded once', async () => {
  await withPartners(async ({ add, refresh, serve, events, list }) => {
    serve({ authorities: [first], sequence: null });
    const { authorities } = await add(order({ source }), 'test');
    serve(new Fault('unavailable', 'nobody there'));
    await assert.rejects(refresh('acme'), { code: 'unavailable' });
    serve({ authorities: [ours], sequence: null });
    await assert.rejects(refresh('acme'), { code: 'bundle_refused' });
    assert.deepEqual((await list())[0]?.authorities, authorities);
    assert.deepEqual(types(events), ['partner.added', 'partner.unreachable']);
    serve({ authorities: [first], sequence: null });
    await refresh('acme');
    serve(new Fault('unavailable', 'nobody there'));
    await assert.rejects(refresh('acme'), { code: 'unavailable' });
    assert.equal(types(events).filter((type) => type === 'partner.unreachable').length, 2);
  });
});

test('I11 a bundle that arrives after its partner was removed brings it back to nobody', async () => {
  await withPartners(async ({ add, refresh, remove, serve, list }) => {
    serve({ authorities: [first], sequence: null });
    await add(order({ source }), 'test');
    const late = refresh('acme');
    await remove('acme', 'test');
    await assert.rejects(late);
    assert.deepEqual(await list(), []);
    assert.equal(await remove('acme', 'test'), false);
    await assert.rejects(refresh('acme'), { code: 'not_found' });
  });
});
