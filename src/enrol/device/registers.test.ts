import assert from 'node:assert/strict';
import { test } from 'node:test';
import { intuneChecker } from './intune-checker.ts';
import { jamfChecker } from './jamf-checker.ts';
import { fakeRegister } from './register.fixture.ts';

const ask = (device: string) => ({ device, name: 'ci-bot', kind: 'agent' }) as const;
const id = '5f1d2a30-1111-4222-8333-944455566677';

test('I5 Intune is asked for a device by its id, with a token of the client', async () => {
  const state = { is: 'compliant' };
  await using register = await fakeRegister(() => [
    200,
    { id, serialNumber: 'X', complianceState: state.is },
  ]);
  const intune = intuneChecker({ ...register, grace: false });
  assert.deepEqual(await intune.ask(ask(id)), { compliant: true, reason: 'Intune says compliant' });
  for (const other of [
    'noncompliant',
    'inGracePeriod',
    'unknown',
    'conflict',
    'error',
    'configManager',
    'x',
  ]) {
    state.is = other;
    assert.deepEqual(await intune.ask(ask(id)), { compliant: false, reason: `Intune says ${other}` });
  }
  state.is = 'inGracePeriod';
  assert.equal((await intuneChecker({ ...register, grace: true }).ask(ask(id))).compliant, true);
  const [token, first] = register.heard;
  assert.deepEqual(Object.fromEntries(new URLSearchParams(token?.form)), {
    grant_type: 'client_credentials',
    client_id: 'countersign',
    client_secret: 'canary-secret',
    scope: `${register.url}/.default`,
  });
  assert.equal(
    first?.line,
    `GET /v1.0/deviceManagement/managedDevices/${id}?$select=id,serialNumber,complianceState`,
  );
  assert.equal(first.authorization, 'Bearer token-1');
  // One token for all of them.
  assert.equal(register.heard.filter(({ line }) => line === 'POST /token').length, 1);
});

test('I5 Intune is asked by serial number, whatever stands in it, and takes no other device for it', async () => {
  let value: unknown[] = [{ id, serialNumber: 'C02', complianceState: 'compliant' }];
  await using register = await fakeRegister(() => [200, { value }]);
  const intune = intuneChecker({ ...register, grace: false });
  assert.equal((await intune.ask(ask('c02'))).compliant, true);
  const other = await intune.ask(ask("x' or '1' eq '1"));
  assert.deepEqual(other, { compliant: false, reason: 'Intune does not know the device' });
  const asked = new URL(register.heard.at(-1)?.line.slice(4) ?? '', register.url);
  assert.equal(asked.searchParams.get('$filter'), "serialNumber eq 'x'' or ''1'' eq ''1'");
  value = [];
  assert.equal((await intune.ask(ask('C02'))).compliant, false);
  value = [{}, {}];
  await assert.rejects(intune.ask(ask('C02')), { code: 'unavailable' });
});

test('I5 Jamf says whether a computer is in the smart group; a static group counts for nothing', async () => {
  const computer = (groups: unknown[]) => ({
    totalCount: 1,
    results: [{ id: '7', udid: 'U-1', hardware: { serialNumber: 'C02' }, groupMemberships: groups }],
  });
  let page: unknown = computer([{ groupId: '1', groupName: 'Compliant', smartGroup: true }]);
  await using register = await fakeRegister(() => [200, page]);
  const jamf = jamfChecker({ ...register, group: 'Compliant' });
  assert.deepEqual(await jamf.ask(ask('C02')), {
    compliant: true,
    reason: 'Jamf has it in the group Compliant',
  });
  assert.equal((await jamf.ask(ask('U-1'))).compliant, true);
  const asked = new URL(register.heard.at(-1)?.line.slice(4) ?? '', register.url);
  assert.equal(asked.pathname, '/api/v1/computers-inventory');
  assert.equal(asked.searchParams.get('filter'), 'hardware.serialNumber=="U-1",udid=="U-1"');
  assert.deepEqual(asked.searchParams.getAll('section'), ['GENERAL', 'HARDWARE', 'GROUP_MEMBERSHIPS']);
  assert.equal((await jamf.ask(ask('C03'))).compliant, false);
  page = computer([
    { groupName: 'Compliant', smartGroup: false },
    { groupName: 'All', smartGroup: true },
  ]);
  assert.equal((await jamf.ask(ask('C02'))).compliant, false);
  page = { totalCount: 0, results: [] };
  assert.equal((await jamf.ask(ask('C02'))).compliant, false);
  page = { results: [{ udid: 'C02' }] };
  await assert.rejects(jamf.ask(ask('C02')), { code: 'unavailable' });
});

test('I5 a token that is over or not accepted any more is asked for again, once', async () => {
  let accepted = 'token-1';
  await using register = await fakeRegister((_url, token) =>
    token === accepted ? [200, { id, complianceState: 'compliant' }] : [401, {}],
  );
  const intune = intuneChecker({ ...register, grace: false });
  await intune.ask(ask(id));
  register.clock.advance(3_600_000 - 60_000);
  accepted = 'token-2';
  assert.equal((await intune.ask(ask(id))).compliant, true);
  accepted = 'token-3';
  assert.equal((await intune.ask(ask(id))).compliant, true);
  accepted = 'none';
  await assert.rejects(intune.ask(ask(id)), { code: 'unavailable' });
  assert.equal(register.heard.filter(({ line }) => line === 'POST /token').length, 4);
});

test('I5 bad input: a register that errs, leads elsewhere or says something else has not said yes', async () => {
  const answers: (readonly [number, unknown])[] = [
    [500, {}],
    [302, { id, complianceState: 'compliant' }],
    [200, []],
    [200, null],
    [404, { id, complianceState: 'compliant' }],
  ];
  for (const answer of answers) {
    await using register = await fakeRegister(() => answer);
    const intune = intuneChecker({ ...register, grace: true });
    const verdict = await intune.ask(ask(id)).catch(() => null);
    assert.notEqual(verdict?.compliant, true, JSON.stringify(answer));
  }
});
