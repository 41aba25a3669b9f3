import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readIssuance } from './issuance-file.ts';

const read = (yaml: string) => readIssuance('issuance.yaml', yaml);
const refuses = (yaml: string, message: RegExp): void =>
  assert.throws(() => read(yaml), { code: 'config_invalid', message });

test('I5 Intune and Jamf are told by tenant and address, with the defaults of their clouds', () => {
  const account = 'clientId: c, clientSecret: env:S';
  assert.deepEqual(read(`devices: { intune: { tenant: acme.example, ${account} } }`).devices?.checker, {
    type: 'intune',
    url: 'https://graph.microsoft.com',
    tokenUrl: 'https://login.microsoftonline.com/acme.example/oauth2/v2.0/token',
    clientId: 'c',
    clientSecret: 'env:S',
    grace: false,
    ca: null,
    privateAddresses: false,
  });
  const jamf = `devices: { jamf: { url: https://acme.jamfcloud.com, group: Compliant, ${account} }, everyMinutes: 5 }`;
  const { devices } = read(jamf);
  assert.equal(devices?.every, 300_000);
  assert.deepEqual(devices.checker, {
    type: 'jamf',
    url: 'https://acme.jamfcloud.com',
    tokenUrl: 'https://acme.jamfcloud.com/api/oauth/token',
    clientId: 'c',
    clientSecret: 'env:S',
    group: 'Compliant',
    ca: null,
    privateAddresses: false,
  });
});

test('I5 bad input: no checker, two, a secret in plain text, a way that is not encrypted and unknown names are refused', () => {
  const webhook = 'webhook: { url: https://a.example/x, secret: env:S }';
  refuses('devices: {}', /must have one of webhook, intune and jamf/);
  refuses(
    `devices: { ${webhook}, jamf: { url: https://a.example, group: g, clientId: c, clientSecret: env:S } }`,
    /must have one of/,
  );
  refuses('devices: { webhook: { url: https://a.example/x, secret: hunter2 } }', /secret/);
  refuses('devices: { webhook: { url: http://a.example/x, secret: env:S } }', /https/);
  refuses(`devices: { ${webhook}, everyMinute: 5 }`, /everyMinutes/);
  refuses(`devices: { ${webhook}, kinds: [server] }`, /kinds/);
  assert.deepEqual(read('{}'), { devices: null, approvals: [] });
});

test('I3 rules of approval name doors, kinds and names, and ask about all of them unless told otherwise', () => {
  const [rule, other] = read(
    'approvals: [{ names: ["prod-*"], doors: [workload], byAnother: true, hours: 1 }, { action: pass }]',
  ).approvals;
  assert.deepEqual(rule, {
    doors: ['workload'],
    kinds: ['agent', 'ephemeral', 'server', 'gateway', 'admin'],
    names: ['prod-*'],
    action: 'wait',
    byAnother: true,
    life: 3_600_000,
  });
  assert.deepEqual([other?.action, other?.doors.length, other?.names], ['pass', 5, []]);
  refuses('approvals: [{ doors: [acme] }]', /doors/);
  refuses('approvals: [{ doors: [renewal] }]', /doors/);
  refuses('approvals: [{ names: ["PROD"] }]', /names/);
  refuses('approvals: [{ hours: 200 }]', /hours/);
});
