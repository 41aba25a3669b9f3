import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AuditEvent } from '../../audit/log.ts';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import { type CaCertificate, type ExpiryParts, ExpiryWatch } from './expiry-watch.ts';
import { FailingRenewals } from './failing-renewals.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const root: CaCertificate = { kind: 'root', name: 'root', serial: 'aa', notAfter: Date.UTC(2036, 0) };

/** A store with the agent `ci-bot`, and a watch over it; what it wrote to the log lies open. */
async function openWatch(more: Partial<ExpiryParts> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-expiry-'));
  const clock = steppedClock(Date.UTC(2026, 10, 23, 12));
  const store = await openStore({ file: join(folder, 'state.db'), clock });
  const agent = { owner: 'o', purpose: 'p', roles: [], buildDigest: null, device: null } as const;
  await store.agents.add({ ...agent, name: 'ci-bot', state: 'active', createdAt: 0, lastSeen: null });
  const events: AuditEvent[] = [];
  const parts: ExpiryParts = {
    ends: store.ends,
    alerts: store.alerts,
    authorities: () => [root],
    renewals: new FailingRenewals(),
    changedTools: async () => [],
    audit: { append: async (event) => ({ index: events.push(event) }) },
    clock,
    rules: { share: 0.5, unseenAgents: false, authorityWarning: 60 * day },
    trustDomain: 'example.internal',
    receiver: () => undefined,
    ...more,
  };
  return {
    store,
    clock,
    parts,
    events,
    watch: new ExpiryWatch(parts),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(folder, {
        recursive: true,
        force: true,
      });
    },
  };
}

/** Puts a certificate of an hour, unless told, into the store. */
async function put(
  store: Store,
  serial: string,
  now: number,
  more: {
    readonly name?: string;
    readonly kind?: LeafKind;
    readonly life?: number;
    readonly replaces?: string;
  } = {},
): Promise<void> {
  const { name = 'ci-bot', kind = 'agent', life = hour, replaces = null } = more;
  const record: CertificateRecord = {
    serial,
    issuer: null,
    hardware: null,
    name,
    kind,
    replaces,
    spiffeId: 's',
    state: 'reserved',
    tbsHash: 't',
    door: 'admin',
    notBefore: now,
    notAfter: now + life,
    reservedAt: now,
    der: null,
    keyHash: serial,
    revokedAt: null,
    reason: null,
    revocation: null,
  };
  await store.certificates.reserve(record);
  await store.certificates.complete(serial, new Uint8Array([1]));
}

async function messagesOf({ alerts }: Store): Promise<readonly string[]> {
  const seen: string[] = [];
  for (let next = await alerts.nextMessage(); next; next = await alerts.nextMessage()) {
    const { cause, state, certificate } = next.body as {
      cause: string;
      state: string;
      certificate: { serial: string };
    };
    seen.push(`${cause} ${state} ${certificate.serial}`);
    await alerts.taken(next.sequence);
  }
  return seen;
}

test('I10 a certificate that nears its end unrenewed is alerted of once, and its renewal resolves it', async () => {
  await using town = await openWatch();
  const { store, clock, watch, events } = town;
  await put(store, '01', clock.now());
  clock.advance(46 * minute);
  await store.agents.seen('ci-bot', clock.now());
  await watch.look();
  assert.deepEqual(await store.alerts.list(false), [], 'it is not late yet');
  clock.advance(2 * minute);
  await watch.look();
  await watch.look();
  const [alert, ...more] = await store.alerts.list(false);
  assert.deepEqual(
    [alert?.cause, alert?.serial, alert?.state, more],
    ['certificate-ending', '01', 'open', []],
  );
  await put(store, '02', clock.now(), { replaces: '01' });
  await watch.look();
  await watch.look();
  assert.deepEqual(await store.alerts.list(false), []);
  assert.deepEqual(await messagesOf(store), ['certificate-ending open 01', 'certificate-ending resolved 01']);
  assert.deepEqual(
    events.map(({ type, state }) => [type, state]),
    [
      ['alert.raised', 'open'],
      ['alert.resolved', 'resolved'],
    ],
  );
});

test('I10 no alert for agents that nobody has seen since their window, for what is not renewed, and for what was renewed', async () => {
  await using town = await openWatch();
  const { store, clock, watch } = town;
  const now = clock.now();
  await store.agents.seen('ci-bot', now + 20 * minute);
  await put(store, '01', now);
  await put(store, '02', now, { name: 'eph', kind: 'ephemeral' });
  await put(store, '03', now, { name: 'alice', kind: 'admin' });
  await put(store, '04', now, { name: 'files', kind: 'server' });
  await put(store, '05', now + 1, { name: 'files', kind: 'server', replaces: '04' });
  await put(store, '06', now, { name: 'edge', kind: 'gateway' });
  await put(store, '07', now + 1, { name: 'edge', kind: 'gateway', life: day });
  await put(store, '08', now, { name: 'web', kind: 'server' });
  clock.advance(50 * minute);
  await store.certificates.revoke('05', 'gone', clock.now());
  await store.certificates.revoke('08', 'gone', clock.now());
  await watch.look();
  const late = await store.alerts.list(false);
  assert.deepEqual(
    late.map(({ serial }) => serial),
    ['04'],
    'a successor that was revoked is none',
  );
  const strict = new ExpiryWatch({ ...town.parts, rules: { ...town.parts.rules, unseenAgents: true } });
  await strict.look();
  assert.deepEqual(
    (await store.alerts.list(false)).map(({ serial }) => serial),
    ['04', '01'],
  );
});

test('I10 a certificate that ends unrenewed changes its alert, which is given up after a week; a revocation resolves it', async () => {
  await using town = await openWatch();
  const { store, clock, watch } = town;
  await put(store, '01', clock.now(), { name: 'files', kind: 'server' });
  await put(store, '02', clock.now(), { name: 'web', kind: 'server' });
  clock.advance(50 * minute);
  await watch.look();
  await store.certificates.revoke('02', 'gone', clock.now());
  clock.advance(20 * minute);
  await watch.look();
  clock.advance(8 * day);
  await watch.look();
  assert.deepEqual(await messagesOf(store), [
    'certificate-ending open 01',
    'certificate-ending open 02',
    'certificate-ending ended 01',
    'certificate-ending resolved 02',
    'certificate-ending resolved 01',
  ]);
  clock.advance(8 * day);
  await watch.look();
  assert.deepEqual(await store.alerts.list(true), [], 'what was resolved is forgotten after a week');
});

test('I10 a CA certificate that nears its end is alerted of until another has taken its place', async () => {
  let chain: readonly CaCertificate[] = [];
  await using town = await openWatch({ authorities: () => chain });
  const { store, clock, watch } = town;
  const intermediate = {
    kind: 'intermediate',
    name: 'i',
    serial: 'bb',
    notAfter: clock.now() + 70 * day,
  } as const;
  chain = [intermediate, root];
  await watch.look();
  clock.advance(11 * day);
  await watch.look();
  await watch.look();
  assert.deepEqual(
    (await store.alerts.list(false)).map(({ kind, serial }) => [kind, serial]),
    [['intermediate', 'bb']],
  );
  clock.advance(60 * day);
  await watch.look();
  chain = [{ ...intermediate, serial: 'cc', notAfter: clock.now() + 300 * day }, root];
  await watch.look();
  assert.deepEqual(await messagesOf(store), [
    'ca-ending open bb',
    'ca-ending ended bb',
    'ca-ending resolved bb',
  ]);
});

test('I10 a renewal that fails twice raises an alert with the reason, one that fails once or works in between does not', async () => {
  await using town = await openWatch();
  const { store, clock, watch, parts, events } = town;
  await put(store, '01', clock.now());
  const attempt = (fault: Fault | null): Promise<unknown> =>
    parts.renewals
      .count('01', fault ? Promise.reject(fault) : Promise.resolve())
      .catch(() => undefined)
      .then(() => watch.lookAtRenewals());
  const refused = new Fault('agent_inactive', 'The agent ci-bot is suspended.');
  await attempt(refused);
  await attempt(null);
  await attempt(refused);
  assert.deepEqual(await store.alerts.list(false), []);
  await attempt(new Fault('certificate_revoked', 'revoked'));
  assert.deepEqual(await store.alerts.list(false), [], 'a revoked certificate is not renewed, as was wanted');
  await attempt(new Fault('approval_pending', 'waits'));
  assert.deepEqual(await store.alerts.list(false), [], 'a renewal that waits for somebody has not failed');
  await attempt(refused);
  await attempt(refused);
  const [alert, ...more] = await store.alerts.list(false);
  assert.deepEqual([alert?.cause, alert?.code, more], ['renewal-failing', 'agent_inactive', []]);
  assert.match(alert?.detail ?? '', /failed 2 times in a row: The agent ci-bot is suspended\./);
  await put(store, '02', clock.now(), { replaces: '01' });
  await attempt(null);
  assert.deepEqual(await messagesOf(store), ['renewal-failing open 01', 'renewal-failing resolved 01']);
  assert.equal(events.length, 2);
  assert.equal(watch.metrics().renewalsFailed, 5);
});

test('I10 a renewal that goes on failing long after the end is not alerted of again and again', async () => {
  await using town = await openWatch();
  const { store, clock, watch, parts } = town;
  await put(store, '01', clock.now());
  for (let time = 0; time < 2; time++) {
    await parts.renewals
      .count('01', Promise.reject(new Fault('certificate_expired', 'e')))
      .catch(() => undefined);
  }
  await watch.look();
  clock.advance(9 * day);
  for (let time = 0; time < 3; time++) await watch.look();
  assert.deepEqual(await messagesOf(store), ['renewal-failing open 01', 'renewal-failing resolved 01']);
});

test('I10 what there is no room for is found again; what cannot be logged is not lost', async () => {
  await using town = await openWatch();
  const { store, clock, parts } = town;
  let room = false;
  let writable = false;
  const watch = new ExpiryWatch({
    ...parts,
    alerts: { ...store.alerts, hasRoom: async () => room },
    audit: {
      async append(event) {
        if (!writable) throw new Fault('audit_unwritable', 'full');
        return parts.audit.append(event);
      },
    },
  });
  await put(store, '01', clock.now(), { name: 'files', kind: 'server' });
  clock.advance(50 * minute);
  await watch.look();
  assert.deepEqual(await store.alerts.list(false), []);
  room = true;
  await assert.rejects(watch.look(), { code: 'audit_unwritable' });
  assert.deepEqual(await store.alerts.list(false), [], 'nothing that is not in the log');
  writable = true;
  await watch.look();
  assert.equal((await store.alerts.list(false)).length, 1);
});

test('I10 metrics say what ends when, by kind, the CA included, and leave out what was renewed', async () => {
  await using town = await openWatch({ authorities: () => [root] });
  const { store, clock, watch } = town;
  const now = clock.now();
  for (let at = 0; at < 600; at++)
    await put(store, `1${String(at).padStart(5, '0')}`, now, { name: `s${at}`, kind: 'server', life: day });
  await put(store, '01', now, { life: 30 * minute });
  await put(store, '02', now + 1, { replaces: '01' });
  await watch.look();
  const metrics = watch.metrics();
  const ending = (kind: string, within: string): number | undefined =>
    metrics.certificatesEnding.find(([[of, until]]) => of === kind && until === within)?.[1];
  const soonest = (kind: string): number | undefined =>
    metrics.certificateSoonestEnd.find(([[of]]) => of === kind)?.[1];
  assert.deepEqual([ending('server', '1h'), ending('server', '24h'), ending('server', '7d')], [0, 600, 600]);
  assert.deepEqual([ending('agent', '1h'), ending('agent', '24h'), ending('root', '7d')], [0, 1, 0]);
  assert.equal(soonest('agent'), Math.floor((now + 1 + hour) / 1_000));
  assert.equal(soonest('root'), root.notAfter / 1_000);
});

test('A5 I10 a tool that changed is alerted of once, in words, and resolved when somebody has decided', async () => {
  const changed = [
    { server: 'files', tool: 'read', detail: 'It is hidden and refused: title was "a" and is "b"' },
  ];
  await using world = await openWatch({ changedTools: async () => changed });
  const { store, events, watch } = world;
  await watch.lookAtTools();
  await watch.look();
  const [alert, ...more] = await store.alerts.list(false);
  assert.deepEqual(more, []);
  assert.equal(alert?.cause, 'tool-changed');
  assert.equal(alert.serial, 'files/read');
  const message = await store.alerts.nextMessage();
  assert.deepEqual(message?.body['tool'], { server: 'files', name: 'read' });
  assert.equal(message.body['detail'], changed[0]?.detail);
  const counted = watch.metrics().alertsUnresolved;
  assert.deepEqual(
    counted.filter(([, count]) => count > 0),
    [[['tool-changed'], 1]],
  );
  changed.length = 0;
  await watch.lookAtTools();
  assert.deepEqual(await store.alerts.list(false), []);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['alert.raised', 'alert.resolved'],
  );
});
