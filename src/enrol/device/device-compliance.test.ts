import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certify } from '../../ca/certify.ts';
import { type MemoryAuthority, memoryAuthority } from '../../ca/memory-authority.ts';
import { renew } from '../../ca/renew.ts';
import { freshKey } from '../../ca/specimen-request.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { buildRequest, readRequest } from '../../x509/request.ts';
import type { DeviceChecker } from './device-checker.ts';
import { type DeviceRules, deviceCheck } from './device-compliance.ts';
import { checkDevices } from './device-round.ts';
import { webhookChecker } from './webhook-checker.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const fresh = () => readRequest(buildRequest(freshKey(), { commonName: 'ci-bot' }));

/** A register that says what is written here; `down` for one that does not answer. */
function register(verdicts: Readonly<Record<string, boolean | 'down'>>): DeviceChecker & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async ask({ device }) {
      asked.push(device);
      const said = verdicts[device] ?? false;
      if (said === 'down') throw new Fault('timed_out', 'https://canary.internal took too long.');
      return { compliant: said, reason: said ? 'fine' : 'disk not encrypted' };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function authorityWith(rules: Partial<DeviceRules> & Pick<DeviceRules, 'checker'>): MemoryAuthority {
  const authority = memoryAuthority();
  const whole: DeviceRules = { kinds: ['agent', 'ephemeral'], withoutDevice: 'refuse', ...rules };
  const check = deviceCheck({ rules: async () => whole, agents: authority.agents, audit: authority.audit });
  return { ...authority, checks: [check] };
}

function issue(authority: MemoryAuthority): Promise<Certificate> {
  const named = { name: 'ci-bot', kind: 'agent', owner: 'o', door: 'join-token' } as const;
  const evidence = { ...named, dnsNames: [], ipAddresses: [], replaces: null };
  return certify({ request: fresh(), evidence, requestedLife: null }, authority);
}

test('I5 the device of an agent is asked about before every issuance and renewal', async () => {
  const verdicts: Record<string, boolean | 'down'> = { 'laptop-1': true };
  const checker = register(verdicts);
  const authority = authorityWith({ checker });
  await assert.rejects(issue(authority), fault('device_refused'));
  authority.devices.set('ci-bot', 'laptop-1');
  const { serial } = await issue(authority);
  await renew({ current: { serial }, request: fresh() }, authority);
  assert.deepEqual(checker.asked, ['laptop-1', 'laptop-1']);
  verdicts['laptop-1'] = false;
  const refused = renew({ current: { serial }, request: fresh() }, authority);
  await assert.rejects(refused, { code: 'device_refused', message: /disk not encrypted/ });
  const last = authority.events.at(-1);
  assert.deepEqual([last?.type, last?.['code']], ['certificate.refused', 'device_refused']);
});

test('I5 a register that cannot be asked refuses (fail closed), and tells whoever asked nothing of itself', async () => {
  const authority = authorityWith({ checker: register({ 'laptop-1': 'down' }) });
  authority.devices.set('ci-bot', 'laptop-1');
  await assert.rejects(issue(authority), (error: Fault) => {
    assert.equal(error.code, 'unavailable');
    assert.doesNotMatch(error.message, /canary/);
    assert.equal(error.retryAfterSeconds, 30);
    return true;
  });
  const told = authority.events.find(({ type }) => type === 'device.unchecked');
  assert.match(JSON.stringify(told), /canary/);
  assert.deepEqual(await authority.records.list({}), []);
});

test('I5 kinds that are not named, and agents without a device where that is permitted, are let through unasked', async () => {
  const checker = register({});
  await issue(authorityWith({ checker, kinds: ['ephemeral'] }));
  await issue(authorityWith({ checker, withoutDevice: 'permit' }));
  assert.deepEqual(checker.asked, []);
});

test('I5 a webhook that does not say yes or no has said nothing', async () => {
  let answer: Record<string, unknown> = {};
  const checker = webhookChecker({
    ask: async () => answer as never,
    tell: async () => undefined,
    post: () => Promise.reject(new Error('nobody posts here')),
    [Symbol.asyncDispose]: async () => undefined,
  });
  const question = { device: 'd', name: 'n', kind: 'agent' } as const;
  for (const vague of [{}, { compliant: 'true' }, { compliant: 1 }, { compliant: true, reason: 7 }]) {
    answer = vague;
    await assert.rejects(checker.ask(question), fault('unavailable'));
  }
  answer = { compliant: false, reason: 'x'.repeat(1_000) };
  assert.deepEqual(await checker.ask(question), { compliant: false, reason: 'x'.repeat(300) });
});

test('I5 a round takes the certificates of whoever is not compliant, and of nobody who cannot be asked about', async () => {
  const revoked: string[] = [];
  const events: string[] = [];
  const devices: Record<string, string> = { good: 'a', bad: 'b', far: 'c', worse: 'd' };
  const round = {
    rules: {
      kinds: ['agent'],
      withoutDevice: 'refuse',
      checker: register({ a: true, b: false, c: 'down', d: false }),
    },
    live: [
      ...['good', 'bad', 'bad', 'far', 'worse', 'bare'].map((name) => ({ name, kind: 'agent' }) as const),
      { name: 'files', kind: 'server' } as const,
    ],
    deviceOf: (name: string) => devices[name] ?? null,
    revoke: async (name: string) => revoked.push(name),
    audit: {
      async append({ type, name }: { readonly type: string; readonly name?: unknown }) {
        events.push(`${type} ${String(name)}`);
        return { index: 0 };
      },
    },
    signal: new AbortController().signal,
  } as const;
  assert.deepEqual(await checkDevices(round), { asked: 4, refused: 3, unchecked: 1 });
  assert.deepEqual(revoked.toSorted(), ['bad', 'bare', 'worse']);
  assert.deepEqual(events.toSorted(), [
    'device.refused bad',
    'device.refused bare',
    'device.refused worse',
    'device.unchecked far',
  ]);
  revoked.length = 0;
  await checkDevices({ ...round, rules: { ...round.rules, withoutDevice: 'permit' } });
  assert.deepEqual(revoked.toSorted(), ['bad', 'worse']);
  await checkDevices({ ...round, signal: AbortSignal.abort() });
  assert.equal(revoked.length, 2);
});
