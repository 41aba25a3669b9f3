import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../kernel/fault.ts';
import type { FaultCode } from '../kernel/fault-codes.ts';
import { systemClock } from '../kernel/clock.ts';
import { createAuthorities, isAtAuthority } from './authorities.ts';
import { newKey, order } from './authority-client.ts';
import { startAuthority } from './authority.fixture.ts';
import { firstRoots } from './first-roots.ts';

const two = 'https://a.example.internal:8444, https://b.example.internal:8444';
const [a, b] = ['https://a.example.internal:8444', 'https://b.example.internal:8444'] as const;

/** What is asked of whom, where some authorities fail. */
function asking(failing: Readonly<Record<string, FaultCode>>) {
  const asked: string[] = [];
  const act = async (authority: string): Promise<string> => {
    asked.push(authority);
    const code = failing[authority];
    if (code) throw new Fault(code, 'no');
    return authority;
  };
  return { asked, act };
}

test('I3 of several authorities the next is asked when one is not reached, and goes on being asked', async () => {
  const lines: string[] = [];
  const authorities = createAuthorities(two, (line) => lines.push(line));
  const { asked, act } = asking({ [a]: 'unavailable' });
  assert.equal(await authorities.ask(act), b);
  assert.equal(await authorities.ask(act), b);
  assert.deepEqual(asked, [a, b, b]);
  assert.equal(lines.length, 1);
});

test('I3 an authority that refuses is believed, and no other is asked', async () => {
  const authorities = createAuthorities(two, () => undefined);
  const { asked, act } = asking({ [a]: 'join_token_invalid' });
  await assert.rejects(authorities.ask(act), { code: 'join_token_invalid' });
  assert.deepEqual(asked, [a]);
});

test('I3 when no authority can be asked the last trouble is told, after each was asked once', async () => {
  const authorities = createAuthorities(two, () => undefined);
  const { asked, act } = asking({ [a]: 'unavailable', [b]: 'audit_unwritable' });
  await assert.rejects(authorities.ask(act), { code: 'audit_unwritable' });
  assert.deepEqual(asked, [a, b]);
});

test('I3 a URL is at an authority when it has the origin of any of them', () => {
  assert.equal(isAtAuthority(`${b}/token`, two), true);
  assert.equal(isAtAuthority('https://c.example.internal/token', two), false);
  assert.equal(isAtAuthority(a, null), false);
});

test('I3 I6 a bridge enrols and renews at the next authority when the first is not there', async () => {
  await using authority = await startAuthority();
  authority.tokens.set('once', 'ci-bot');
  const gone = 'https://127.0.0.1:9';
  const roots = await firstRoots({
    authority: `${gone},${authority.url}`,
    authorityFile: null,
    rootFingerprint: `sha256:${authority.fingerprint.replace('sha256:', '')}`,
  });
  const asked = {
    authority: `${gone}, ${authority.url}`,
    path: '/v1/enrol/join-token',
    token: 'once',
    name: 'ci-bot',
    key: newKey(),
    roots,
    present: null,
    clock: systemClock,
  } as const;
  const { certificate, leaf } = await order(asked);
  const present = { certificate, key: asked.key, leaf };
  const renewal = { ...asked, path: '/v1/enrol/renew', token: null, key: newKey(), present } as const;
  assert.notEqual((await order(renewal)).leaf.serial, leaf.serial);
});
