import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { openTown, type Town } from '../../journeys/deployment.ts';
import { logInAs, type PersonAtBrowser } from '../../journeys/log-in-as.ts';
import { openBrowser } from '../../journeys/person-browser.ts';
import { missingKeycloak } from './keycloak-home.ts';
import { startKeycloak } from './start-keycloak.ts';

describe('I3 a person who logs in at Keycloak', { skip: missingKeycloak() }, () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let folder = '';
  let person: PersonAtBrowser;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-keycloak-'));
    town = opened.use(await openTown());
    const { issuer, roots, rootsFile } = opened.use(await startKeycloak(town, folder));
    const browser = opened.use(openBrowser(roots));
    person = { browser, typed: { username: 'alice', password: 'any' }, state: folder };
    const file = `providers:
  - name: company
    issuer: ${issuer}
    client: countersign
    scopes: [email]
    ca: ${rootsFile}
    privateAddresses: true
    members: [staff]
    rules:
      - groups: [engineering]
        gives: [builder]
`;
    await writeFile(town.data.people, file);
  });
  after(async () => {
    await opened.disposeAsync();
    await rm(folder, { recursive: true, force: true });
  });

  test('gets a certificate with a browser, and the roles of their groups', async () => {
    const { agent } = await logInAs(person, town);
    const record = await town.deployment.authority.store.agents.find(agent);
    assert.deepEqual([record?.owner, record?.roles], ['alice@example.com', ['builder']]);
  });

  test('gets one on another machine, for Keycloak keeps the nonce in the device flow', async () => {
    const pause = (milliseconds: number): Promise<void> => wait(milliseconds);
    const { agent } = await logInAs(person, town, { way: 'device', agent: 'alice-box', pause });
    assert.equal(agent, 'alice-box');
  });

  test('I7 has to authenticate anew once they are revoked, for Keycloak says when they did', async () => {
    const { revocations } = town.deployment.authority;
    await revocations.person('alice@example.com', { reason: 'laptop stolen', actor: 'test' });
    await assert.rejects(logInAs(person, town), /was revoked.*--again/);
    await wait(1_000 - (Date.now() % 1_000));
    assert.equal((await logInAs(person, town, { again: true })).agent, 'alice');
  });
});
