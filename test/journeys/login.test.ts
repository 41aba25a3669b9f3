import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fetch } from 'undici';
import type { LoggedIn, LoginOptions } from '../../src/bridge/login/log-in.ts';
import { findOperation } from '../../src/app/admin/operations.ts';
import { createKeyStore } from '../../src/bridge/key-store.ts';
import { renewStored } from '../../src/bridge/renew-stored.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Fault } from '../../src/kernel/fault.ts';
import type { FaultCode } from '../../src/kernel/fault-codes.ts';
import { openTown, type Town, until } from './deployment.ts';
import { logInAs } from './log-in-as.ts';
import { type OidcTown, openOidc } from './oidc-town.ts';
import { openBrowser, type PersonBrowser } from './person-browser.ts';
import { run } from './program.ts';

describe('I3 a person who logs in at oidc-provider', () => {
  const opened = new AsyncDisposableStack();
  let folder = '';
  let town: Town;
  let oidc: OidcTown;
  let browser: PersonBrowser;

  const people = (more = ''): string => `providers:
  - name: company
    issuer: ${oidc.issuer}
    client: countersign
    scopes: [email, groups]
    ca: ${oidc.rootsFile}
    privateAddresses: true
    members: [staff]
${more}    rules:
      - groups: [engineering]
        gives: [builder]
`;

  const login = async (
    who: string,
    more: Partial<LoginOptions> = {},
    visit?: (url: string) => Promise<unknown>,
  ): Promise<LoggedIn> => {
    const person = { typed: { login: who, password: 'any' }, browser, state: join(folder, 'state') };
    return await logInAs(person, town, more, visit);
  };
  const anew = async (): Promise<void> => {
    await browser[Symbol.asyncDispose]();
    browser = openBrowser(oidc.roots);
  };
  const account = (sub: string, email: string, groups = ['staff', 'engineering']): void =>
    void oidc.accounts.set(sub, { sub, email, email_verified: true, groups });
  const rolesOf = (name: string): readonly string[] | undefined =>
    town.gateway.view.identity.agent(name)?.roles;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-login-'));
    town = opened.use(await openTown());
    oidc = opened.use(await openOidc(town, folder));
    browser = openBrowser(oidc.roots);
    opened.defer(() => browser[Symbol.asyncDispose]());
    account('alice', 'Alice@example.com');
    account('bob', 'bob@example.com', ['staff']);
    account('eve', 'eve@example.com', []);
    await writeFile(town.data.people, people());
  });
  after(async () => {
    await opened.disposeAsync();
    await rm(folder, { recursive: true, force: true });
  });

  test('gets a certificate for an agent of theirs, which the gateway knows with the roles of their groups', async () => {
    const { agent, folder: state } = await login('alice');
    assert.equal(agent, 'alice');
    const stored = new X509Certificate(await readFile(join(state, 'certificate.pem')));
    assert.equal(stored.subjectAltName, 'URI:spiffe://example.internal/agent/alice');
    await until(() => rolesOf('alice')?.join() === 'builder');
    assert.equal(town.gateway.view.identity.agent('alice')?.owner, 'alice@example.com');
  });

  test('starts a bridge with nothing more than the name of the agent', async () => {
    const words = ['bridge', '--gateway', town.endpoint('none'), '--authority', town.authorityUrl];
    const { code, stderr } = await run([...words, '--agent', 'alice'], {
      XDG_STATE_HOME: join(folder, 'state'),
    });
    assert.equal(code, 0, stderr);
  });

  test('logs in a second time without saying again what to trust, and the agent keeps its name', async () => {
    const { serial } = await login('alice', { agent: 'alice', rootFingerprint: null });
    const held = await town.deployment.authority.store.certificates.list({ name: 'alice' });
    assert.ok(held.some((record) => record.serial === serial && record.door === 'person'));
  });

  test('gets no agent of somebody else, whether there is one or not', async () => {
    await anew();
    await assert.rejects(
      login('bob', { agent: 'alice' }),
      refusal(/"alice" is no agent of yours.*bob, bob-\*/),
    );
    await assert.rejects(login('bob', { agent: 'alice-2' }), refusal(/"alice-2" is no agent of yours/));
    assert.equal((await login('bob', { agent: 'bob-laptop' })).agent, 'bob-laptop');
    assert.deepEqual(rolesOf('bob-laptop') ?? [], []);
  });

  test('is turned away outside of the groups that count', async () => {
    await anew();
    await assert.rejects(login('eve'), refusal(/none of the groups/));
  });

  test('is told what the provider says when it does not let them in', async () => {
    const visit = async (url: string): Promise<void> => {
      const { searchParams } = new URL(url);
      const back = new URL(searchParams.get('redirect_uri') ?? '');
      const answer = { error: 'access_denied', state: searchParams.get('state') ?? '', iss: oidc.issuer };
      back.search = new URLSearchParams(answer).toString();
      assert.match(await (await fetch(back)).text(), /did not log you in/);
    };
    await assert.rejects(login('eve', {}, visit), refusal(/access_denied/));
  });

  test('is not led astray: a guessed answer changes nothing, and one of another issuer ends the login', async () => {
    await anew();
    const guess = async (url: string): Promise<void> => {
      const back = new URL(new URL(url).searchParams.get('redirect_uri') ?? '');
      back.search = `code=guessed&state=guessed&iss=${encodeURIComponent(oidc.issuer)}`;
      assert.equal((await fetch(back)).status, 400);
      assert.equal((await fetch(back, { method: 'POST' })).status, 404);
      await browser.visit(url, { login: 'bob', password: 'any' });
    };
    assert.equal((await login('bob', {}, guess)).agent, 'bob');
    const mixed = async (url: string): Promise<void> => {
      const { searchParams } = new URL(url);
      const back = new URL(searchParams.get('redirect_uri') ?? '');
      const answer = { code: 'c', state: searchParams.get('state') ?? '', iss: 'https://evil.example' };
      back.search = new URLSearchParams(answer).toString();
      await fetch(back);
    };
    await assert.rejects(login('bob', {}, mixed), faultOf('unavailable', /"iss"/));
  });

  test('logs in on another machine with a code, where the provider may leave out the nonce', async () => {
    await anew();
    const device = { way: 'device', agent: 'alice-box' } as const;
    await assert.rejects(login('alice', device), refusal(/no nonce/));
    await writeFile(town.data.people, people('    withoutNonce: true\n'));
    assert.equal((await login('alice', device)).agent, 'alice-box');
    await writeFile(town.data.people, people());
  });

  test('I4 has the roles of the rules of now at the next renewal, beside those given by hand', async () => {
    const { authority } = town.deployment;
    await authority.changeAgentRoles('alice', ['auditor']);
    assert.deepEqual((await authority.store.agents.find('alice'))?.roles, ['auditor', 'builder']);
    await writeFile(town.data.people, people().replace('builder', 'deployer'));
    await renew('alice');
    assert.deepEqual((await authority.store.agents.find('alice'))?.roles, ['auditor', 'deployer']);
    const [door] = (await authority.store.certificates.list({ name: 'alice' }))
      .filter(({ replaces }) => replaces !== null)
      .map((record) => record.door);
    assert.equal(door, 'person-renewal');
    const { code, stdout } = await explain('alice');
    assert.equal(code, 0);
    assert.match(stdout, /^alice is active and belongs to alice@example\.com\.$/m);
    assert.match(stdout, /^ {2}auditor: given by an administrator$/m);
    assert.match(stdout, /^ {2}deployer: rule 1 of company, for engineering$/m);
    assert.match(stdout, /^ {2}at company as alice, /m);
    assert.match(stdout, /by person-renewal; no hardware is known to hold its key$/m);
  });

  test('waits for an administrator where issuance.yaml says so, and the same login goes on once it is granted', async () => {
    const { authority } = town.deployment;
    await writeFile(town.data.issuance, 'approvals: [{ doors: [person] }]\n');
    const said: string[] = [];
    const going = login('alice', { agent: 'alice-asked', say: (line) => void said.push(line) });
    let id = '';
    await until(
      () => id !== '',
      async () => void (id = (await authority.store.approvals.list())[0]?.id ?? ''),
    );
    await authority.decide(id, { state: 'granted', by: 'grace', reason: null });
    assert.equal((await going).agent, 'alice-asked');
    assert.equal(said.filter((line) => line.includes(`countersign approval grant ${id}`)).length, 1);
    await rm(town.data.issuance);
  });

  test('is not renewed once nobody logs in there any more, and loses what the login gave', async () => {
    await writeFile(town.data.people, 'providers: []\n');
    await assert.rejects(renew('alice'), faultOf('renewal_refused', /countersign login --agent alice/));
    const { roles } = (await town.deployment.authority.store.agents.find('alice')) ?? {};
    assert.deepEqual(roles, ['auditor']);
    await writeFile(town.data.people, people());
  });

  test('I7 loses every agent when they are revoked, and has to authenticate anew', async () => {
    await anew();
    await login('alice', { agent: 'alice-cut' });
    const { authority } = town.deployment;
    const { agents, revoked } = await authority.revocations.person('alice@example.com', {
      reason: 'laptop stolen',
      actor: 'test',
    });
    assert.deepEqual(agents, ['alice', 'alice-asked', 'alice-box', 'alice-cut']);
    assert.ok(revoked.length >= 4);
    const left = await authority.store.certificates.list({ name: 'alice-cut', state: 'issued' });
    assert.deepEqual(left, []);
    // The session of the browser is the one that whoever stole it has.
    await assert.rejects(login('alice', { agent: 'alice-cut' }), refusal(/was revoked.*--again/));
    // Providers tell whole seconds.
    await wait(1_000 - (Date.now() % 1_000));
    await login('alice', { agent: 'alice-cut', again: true });
  });

  test('is not taken for whoever has the same name later, until an administrator says so', async () => {
    await anew();
    account('alice-2', 'alice@example.com');
    await assert.rejects(login('alice-2'), refusal(/another account/));
    const { authority } = town.deployment;
    assert.equal(await authority.store.people.forget('alice@example.com'), true);
    await login('alice-2');
    const log = await readFile(join(town.data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
    assert.match(log, /"person":"alice@example\.com"[^\n]*another account[^\n]*"type":"person\.refused"/);
  });

  test('I7 loses every agent when their group is revoked, and nobody else does', async () => {
    const { authority } = town.deployment;
    const actor = { name: 'test', way: 'remote' } as const;
    const group = { group: 'engineering', provider: null };
    const preview = await findOperation('group.show').run(authority, group, actor);
    assert.deepEqual(preview, {
      people: ['alice@example.com'],
      agents: ['alice', 'alice-asked', 'alice-box', 'alice-cut'],
    });
    const live = (name: string) => authority.store.certificates.list({ name, state: 'issued' });
    const [alices, bobs] = [await live('alice'), await live('bob')];
    assert.ok(alices.length > 0 && bobs.length > 0);
    const order = { ...group, reason: 'contract ended', revocation: 'affiliationChanged' };
    const taken = await findOperation('group.revoke').run(authority, order, actor);
    assert.ok(JSON.stringify(taken).includes(alices[0]?.serial ?? ''));
    assert.deepEqual(await live('alice'), []);
    assert.deepEqual(await live('bob'), bobs);
    await assert.rejects(login('alice-2'), refusal(/was revoked.*--again/));
  });

  async function renew(name: string): Promise<void> {
    const { hostname, port } = new URL(town.authorityUrl);
    const store = createKeyStore(join(folder, 'state/countersign', `${hostname}_${port}`, name), systemClock);
    const current = await store.load();
    assert.ok(current);
    const renewal = { store, authority: town.authorityUrl, fixedRoots: false, clock: systemClock };
    await renewStored(renewal, current, AbortSignal.timeout(20_000));
  }

  async function explain(name: string): ReturnType<typeof run> {
    const { cert, key, ca } = await town.issue('operator', 'admin');
    const files = { 'certificate.pem': cert, 'key.pem': key, 'roots.pem': ca };
    for (const [file, text] of Object.entries(files)) {
      await writeFile(join(folder, file), text, { mode: 0o600 });
    }
    return await run(['agent', 'explain', name, '--authority', town.authorityUrl, '--admin', folder]);
  }
});

function refusal(words: RegExp): (error: unknown) => boolean {
  return faultOf('login_refused', words);
}

function faultOf(code: FaultCode, words: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.deepEqual([error.code, words.test(error.message)], [code, true], error.message);
    return true;
  };
}
