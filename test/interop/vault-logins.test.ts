import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/kernel/clock.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { holderContext } from '../../src/app/authority/signing-key-file.ts';
import { type HeldKey, proveKey } from '../../src/keys/held-key.ts';
import { readKeyReference } from '../../src/keys/key-reference.ts';
import { openHeldKey } from '../../src/keys/open-key.ts';
import { isFault } from '../contracts/is-fault.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { signingPolicy, skip, startOpenBao } from './open-bao.ts';

test('I8 OpenBao: every way to log in, and every way that an answer can be wrong', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-vault-'));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rm(folder, { recursive: true, force: true }));
  const bao = cleanUp.use(await startOpenBao(folder));
  const proxy = cleanUp.use(await startFaultProxy(bao.address, await readFile(bao.authorities, 'utf8')));
  await bao.ask('POST', 'transit/keys/ca', { type: 'ecdsa-p256' });
  const token = await bao.tokenFor('signer', signingPolicy('ca'));
  const direct = `vault:transit/keys/ca?address=${bao.address}&ca=${bao.authorities}`;
  const meddled = `vault:transit/keys/ca?address=${proxy.address}&token=env:TOKEN`;

  await t.test('with AppRole, and anew by itself when the token has ended', async () => {
    await bao.ask('POST', 'sys/auth/approle', { type: 'approle' });
    await bao.ask('POST', 'auth/approle/role/ca', { token_policies: ['signer'], token_ttl: '1h' });
    const { data } = await bao.ask('GET', 'auth/approle/role/ca/role-id');
    const made = await bao.ask('POST', 'auth/approle/role/ca/secret-id', {});
    const [roleId, secretId] = [member(data, 'role_id'), member(made['data'], 'secret_id')];
    const environment = { SECRET_ID: secretId };
    await using key = await openKey(`${direct}&role-id=${roleId}&secret-id=env:SECRET_ID`, environment);
    await proveKey(key, key.publicKey);
    // Every token of the role at once.
    await bao.ask('PUT', 'sys/leases/revoke-prefix/auth/approle/login', {});
    await proveKey(key, key.publicKey);
    const wrong = openKey(`${direct}&role-id=${roleId}&secret-id=env:SECRET_ID`, { SECRET_ID: 'wrong' });
    await assert.rejects(wrong, isFault('key_refused'));
  });

  await t.test('with a client certificate', async () => {
    await bao.ask('POST', 'sys/auth/cert', { type: 'cert' });
    const certificate = await readFile(join(folder, 'client.pem'), 'utf8');
    await bao.ask('POST', 'auth/cert/certs/ca', { certificate, token_policies: ['signer'] });
    const files = `certificate=${join(folder, 'client.pem')}&certificate-key=${join(folder, 'client-key.pem')}`;
    await using key = await openKey(`${direct}&${files}&role=ca`, {});
    await proveKey(key, key.publicKey);
    const other = `certificate=${join(folder, 'server.pem')}&certificate-key=${join(folder, 'server-key.pem')}`;
    await assert.rejects(openKey(`${direct}&${other}`, {}), isFault('key_refused'));
  });

  await t.test('a token file that is replaced counts from the next signature on', async () => {
    const file = join(folder, 'token');
    await writeFile(file, token, { mode: 0o600 });
    await using key = await openKey(`${direct}&token=file:${file}`, {});
    await writeFile(file, 'hvs.ended');
    await assert.rejects(key.sign(Buffer.from('x')), isFault('key_refused'));
    await writeFile(file, await bao.tokenFor('signer', signingPolicy('ca')));
    await proveKey(key, key.publicKey);
  });

  await t.test('in a namespace, where another one has no such key', async () => {
    await bao.ask('POST', 'sys/namespaces/team', {});
    await bao.ask('POST', 'team/sys/mounts/transit', { type: 'transit' });
    await bao.ask('POST', 'team/transit/keys/ca', { type: 'ecdsa-p256' });
    await using key = await openKey(`${direct}&token=env:TOKEN&namespace=team`, { TOKEN: bao.rootToken });
    await proveKey(key, key.publicKey);
    await using outside = await openKey(`${direct}&token=env:TOKEN`, { TOKEN: bao.rootToken });
    await assert.rejects(proveKey(key, outside.publicKey), isFault('key_refused'));
  });

  await t.test('a Vault whose certificate is of another authority is sent no token', async () => {
    const untrusted = `vault:transit/keys/ca?address=${bao.address}&ca=${join(folder, 'client.pem')}&token=env:TOKEN`;
    await assert.rejects(openKey(untrusted, { TOKEN: token }), (error) => {
      assert.match(String(error), /Vault is not trusted/);
      return isFault('key_refused')(error);
    });
  });

  await t.test(
    'a key that cannot sign for us is refused, and one that can be taken out is told of',
    async () => {
      const environment = { TOKEN: bao.rootToken };
      await bao.ask('POST', 'transit/keys/rsa', { type: 'rsa-2048' });
      await bao.ask('POST', 'transit/keys/open', { type: 'ecdsa-p256', exportable: true });
      const named = (name: string): string => `${direct.replace('/ca?', `/${name}?`)}&token=env:TOKEN`;
      await assert.rejects(openKey(named('rsa'), environment), isFault('key_refused'));
      await assert.rejects(openKey(named('absent'), environment), isFault('not_found'));
      await assert.rejects(openKey(`${named('ca')}&version=7`, environment), isFault('not_found'));
      await using open = await openKey(named('open'), environment);
      assert.match(open.notes.join(), /exportable/);
    },
  );

  await t.test('a rotation in Vault does not change which version signs', async () => {
    await using key = await openKey(`${direct}&token=env:TOKEN`, { TOKEN: token });
    assert.match(key.reference, /version=1/);
    await bao.ask('POST', 'transit/keys/ca/rotate', {});
    await proveKey(key, key.publicKey);
    await using again = await openKey(key.reference, { TOKEN: token });
    assert.ok(again.publicKey.equals(key.publicKey));
    await bao.ask('POST', 'transit/keys/ca/config', { min_decryption_version: 1 });
  });

  for (const { what, meddle, code } of lies) {
    await t.test(`an answer that ${what} signs nothing`, async () => {
      await using key = await openKey(`${meddled}&version=1`, { TOKEN: token });
      proxy.meddle = meddle;
      const tbs = Buffer.from('what is to be signed');
      if (code === null) {
        // Whoever uses it compares: `ca/issue.ts` throws such a certificate away.
        assert.equal(verify('sha256', tbs, key.publicKey, await key.sign(tbs)), false);
        await assert.rejects(proveKey(key, key.publicKey), isFault('key_refused'));
      } else {
        await assert.rejects(key.sign(tbs), isFault(code));
      }
      proxy.meddle = null;
      await proveKey(key, key.publicKey);
    });
  }

  await t.test('a refusal is not asked for again, and what may pass is, three times at most', async () => {
    await using key = await openKey(`${meddled}&version=1`, { TOKEN: token });
    for (const [status, times] of [
      [400, 1],
      [403, 2],
      [503, 3],
    ] as const) {
      proxy.meddle = () => ({ status, body: '{"errors":[]}' });
      const before = proxy.requests;
      await assert.rejects(key.sign(Buffer.from('x')));
      assert.equal(proxy.requests - before, times, String(status));
    }
    proxy.meddle = failOnce(proxy);
    await proveKey(key, key.publicKey);
  });
});

const foreign = Buffer.alloc(70, 1).toString('base64');

const lies: readonly {
  readonly what: string;
  readonly meddle: NonNullable<FaultProxy['meddle']>;
  /** Null where a signature comes back that does not verify. */
  readonly code: 'key_refused' | 'unavailable' | null;
}[] = [
  {
    what: 'holds another signature',
    meddle: ({ status, body }) => ({ status, body: body.replace(/vault:v1:[^"]+/, `vault:v1:${foreign}`) }),
    code: null,
  },
  {
    what: 'is of another version of the key',
    meddle: ({ status, body }) => ({ status, body: body.replace('vault:v1:', 'vault:v2:') }),
    code: 'key_refused',
  },
  { what: 'has no signature', meddle: () => ({ status: 200, body: '{"data":{}}' }), code: 'key_refused' },
  { what: 'is no JSON', meddle: () => ({ status: 200, body: '<html>Welcome</html>' }), code: 'unavailable' },
  { what: 'is cut off', meddle: () => null, code: 'unavailable' },
  {
    what: 'is an error of a proxy',
    meddle: () => ({ status: 502, body: 'bad gateway' }),
    code: 'unavailable',
  },
  { what: 'leads elsewhere', meddle: () => ({ status: 307, body: '' }), code: 'key_refused' },
];

/** Breaks one connection off and then passes everything on. */
function failOnce(proxy: FaultProxy): NonNullable<FaultProxy['meddle']> {
  return () => {
    proxy.meddle = null;
    return null;
  };
}

function openKey(text: string, environment: Readonly<Record<string, string>>): Promise<HeldKey> {
  const holderLimits = { attemptMilliseconds: 2_000, totalMilliseconds: 4_000, attempts: 3, concurrent: 4 };
  return openHeldKey(
    readKeyReference(text, environment),
    holderContext({ environment, clock: systemClock, holderLimits }, false),
  );
}

function member(value: unknown, name: string): string {
  const found = (value as Readonly<Record<string, unknown>> | undefined)?.[name];
  if (typeof found !== 'string') throw new Fault('internal', `no ${name}`);
  return found;
}
