import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import { httpbis } from 'http-message-signatures';
import { callSignature } from '../../http/signatures/call-signature.ts';
import { contentDigest } from '../../http/signatures/content-digest.ts';
import { fromBase64, utf8 } from '../../kernel/bytes.ts';
import { systemClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import { checkCall, SignedCall } from './check-call.ts';
import {
  body,
  requestOf,
  setScene,
  startSeconds,
  targetUri,
  type Travelling,
} from './signed-call.fixture.ts';

function isFault(code: FaultCode): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code;
}

test('O9 a call signed with the key of its connection is taken, with what shows it to others', async () => {
  const scene = setScene();
  const travelling = scene.signed();
  const call = await scene.check(travelling);
  assert.ok(SignedCall.proves(call));
  const lines = call.base.split('\n');
  assert.deepEqual(lines.slice(0, 4), [
    '"@method": POST',
    `"@target-uri": ${targetUri}`,
    `"content-digest": ${contentDigest(body)}`,
    '"mcp-protocol-version": 2025-11-25',
  ]);
  assert.match(
    lines[4] ?? '',
    /^"@signature-params": \("@method" "@target-uri" "content-digest" "mcp-protocol-version"\);created=1795600000;expires=1795600060;nonce="[\w-]{22}";keyid="bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";alg="ecdsa-p256-sha256";tag="countersign-call-v1"$/,
  );
  assert.equal(call.contentDigest, contentDigest(body));
  const octets = fromBase64(call.signature) ?? new Uint8Array();
  const key = { key: scene.key.publicKey, dsaEncoding: 'ieee-p1363' } as const;
  assert.ok(verify('sha256', Buffer.from(call.base), key, octets));
});

test('O9 the opening and the ending of a stream are signed without a body', async () => {
  const scene = setScene();
  for (const method of ['GET', 'DELETE']) {
    const travelling = unsignedGet(method);
    Object.assign(
      travelling.headers,
      signByOthers(scene, travelling, ['@method', '@target-uri', 'mcp-session-id']),
    );
    const call = await scene.check(travelling);
    assert.equal(call.contentDigest, null);
    assert.ok(call.base.startsWith(`"@method": ${method}\n`));
  }
});

/** What somebody on the way, or an agent that signs otherwise, may do; each with the clause that makes it a refusal. */
const refusals: Readonly<Record<string, { readonly code?: FaultCode; readonly change: Change }>> = {
  'no signature at all (RFC 9421 §7.1.1)': {
    code: 'call_unsigned',
    change: (call) => remove(call, 'signature-input', 'signature'),
  },
  'a signature for something else, by its tag (RFC 9421 §7.2.7)': {
    code: 'call_unsigned',
    change: (call) => replace(call, 'signature-input', 'countersign-call-v1', 'another-application'),
  },
  'the input of a signature without the signature (RFC 9421 §4.2)': {
    change: (call) => remove(call, 'signature'),
  },
  'a signature under another label than its input (RFC 9421 §4)': {
    change: (call) => replace(call, 'signature', 'call=', 'other='),
  },
  'a label that comes twice (RFC 9421 §7.2.5)': {
    change: (call) => double(call, 'signature-input'),
  },
  'a signature that comes twice under one label (RFC 9421 §7.2.5)': {
    change: (call) => double(call, 'signature'),
  },
  'two signatures of our tag (RFC 9421 §7.2.6)': {
    change: (call) => {
      call.headers['signature-input'] +=
        `, second=${(call.headers['signature-input'] ?? '').slice('call='.length)}`;
    },
  },
  'another body (RFC 9530 §2, RFC 9421 §7.2.8)': {
    change: (call) => {
      call.body = utf8(Buffer.from(body).toString().replace('5', '6'));
    },
  },
  'another body with its own digest (RFC 9421 §3.2)': {
    change: (call) => {
      call.body = utf8('{}');
      call.headers['content-digest'] = contentDigest(call.body);
    },
  },
  'no Content-Digest (RFC 9530 §2)': { change: (call) => remove(call, 'content-digest') },
  'a Content-Digest of another algorithm (RFC 9530 §5)': {
    change: (call) => replace(call, 'content-digest', 'sha-256', 'md5'),
  },
  'two digests (RFC 9530 §2)': {
    change: (call) => {
      call.headers['content-digest'] += ', sha-512=:AAAA:';
    },
  },
  'another target (RFC 9421 §2.2.2)': {
    change: (call) => {
      call.targetUri = 'https://gateway.example.internal:8443/mcp/files';
    },
  },
  'another host (RFC 9421 §2.2.2)': {
    change: (call) => {
      call.targetUri = targetUri.replace('gateway.', 'other.');
    },
  },
  'another method (RFC 9421 §2.2.1)': {
    change: (call) => {
      call.method = 'GET';
    },
  },
  'another value of a covered field (RFC 9421 §2.1)': {
    change: (call) => replace(call, 'mcp-protocol-version', '2025-11-25', '2025-03-26'),
  },
  'a covered field that was removed (RFC 9421 §2.5)': {
    change: (call) => remove(call, 'mcp-protocol-version'),
  },
  'a session that was put in, and is not covered (RFC 9421 §7.2.1)': {
    change: (call) => {
      call.headers['mcp-session-id'] = 'stolen';
    },
  },
  'an event id that was put in, and is not covered (RFC 9421 §7.2.1)': {
    change: (call) => {
      call.headers['last-event-id'] = '7';
    },
  },
  'other parameters than were signed (RFC 9421 §2.3)': {
    change: (call) => replace(call, 'signature-input', 'expires=1795600060', 'expires=1795600059'),
  },
  'a component that is covered twice (RFC 9421 §2)': {
    change: (call) => replace(call, 'signature-input', '"@method"', '"@method" "@method"'),
  },
  'a component in another form (RFC 9421 §2.1)': {
    change: (call) => replace(call, 'signature-input', '"content-digest"', '"content-digest";bs'),
  },
  'a component that is none of ours (RFC 9421 §7.5.1)': {
    change: (call) => replace(call, 'signature-input', '"@method"', '"@method" "@query"'),
  },
  'an algorithm that is not ours (RFC 9421 §7.3.6)': {
    change: (call) => replace(call, 'signature-input', 'ecdsa-p256-sha256', 'hmac-sha256'),
  },
  'no algorithm (RFC 9421 §2.3)': {
    change: (call) => replace(call, 'signature-input', ';alg="ecdsa-p256-sha256"', ''),
  },
  'no nonce (RFC 9421 §2.3)': {
    change: (call) => {
      call.headers['signature-input'] = (call.headers['signature-input'] ?? '').replace(/;nonce="[^"]*"/, '');
    },
  },
  'a parameter that nobody checks (RFC 9421 §2.3)': {
    change: (call) => {
      call.headers['signature-input'] += ';level=1';
    },
  },
  'a keyid that is a token and no string (RFC 9421 §2.3)': {
    change: (call) => {
      call.headers['signature-input'] = (call.headers['signature-input'] ?? '').replace(
        /keyid="([^"]*)"/,
        'keyid=$1',
      );
    },
  },
  'a time that is no number (RFC 9421 §2.3)': {
    change: (call) => replace(call, 'signature-input', 'created=1795600000', 'created="1795600000"'),
  },
  'a signature that is no octets (RFC 9421 §4.2)': {
    change: (call) => {
      call.headers['signature'] = 'call="x"';
    },
  },
  'a signature in DER (RFC 9421 §3.3.4)': {
    change: (call) => {
      call.headers['signature'] = `call=:${Buffer.from(`0${'x'.repeat(69)}`).toString('base64')}:`;
    },
  },
  'a signature of zeros (RFC 9421 §3.3.4)': {
    change: (call) => {
      call.headers['signature'] = `call=:${Buffer.alloc(64).toString('base64')}:`;
    },
  },
  'an input that is no structured field (RFC 9421 §7.5.3)': {
    change: (call) => {
      call.headers['signature-input'] += ',';
    },
  },
};

for (const [what, { code = 'call_signature_refused', change }] of Object.entries(refusals)) {
  test(`O9 ${what} is refused, and the call as it was signed is taken`, async () => {
    const scene = setScene();
    const travelling = scene.signed();
    const changed: Travelling = { ...travelling, headers: { ...travelling.headers } };
    change(changed);
    await assert.rejects(async () => scene.check(changed), isFault(code));
    assert.equal(scene.nonces.size, 0);
    await scene.check(travelling);
  });
}

/** What an agent may say of its signature. */
const statements = {
  'the keyid of another certificate (RFC 9421 §7.3.4)': { thumbprint: 'x'.repeat(43) },
  'a life of more than a minute (RFC 9421 §7.2.2)': { expires: startSeconds + 61 },
  'an end before its beginning (RFC 9421 §2.3)': { created: startSeconds + 10, expires: startSeconds + 10 },
  'a making too far in the future (RFC 9421 §2.3)': {
    created: startSeconds + 31,
    expires: startSeconds + 60,
  },
  'an end that has come (RFC 9421 §2.3)': { created: startSeconds - 60, expires: startSeconds },
  'a nonce that could be guessed (RFC 9421 §2.3)': { nonce: 'a'.repeat(21) },
  'a nonce that is too long to remember (RFC 9421 §2.3)': { nonce: 'a'.repeat(65) },
};

for (const [what, statement] of Object.entries(statements)) {
  test(`O9 ${what} is refused although it was signed`, async () => {
    const scene = setScene();
    await assert.rejects(async () => scene.check(scene.signed(statement)), isFault('call_signature_refused'));
    await scene.check(scene.signed());
  });
}

test('O9 RFC 9421 §2.3: a clock that is half a minute ahead or behind is borne', async () => {
  const scene = setScene();
  await scene.check(scene.signed({ created: startSeconds + 30, expires: startSeconds + 90 }));
  await scene.check(scene.signed({ created: startSeconds - 59, expires: startSeconds + 1 }));
});

test('O9 RFC 9421 §7.3.2: a signature by another key under our keyid is refused', async () => {
  const scene = setScene();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await assert.rejects(
    async () => scene.check(scene.signed({}, {}, privateKey)),
    isFault('call_signature_refused'),
  );
});

test('O9 RFC 9421 §7.3.4: a certificate whose key is not P-256 signs no calls', async () => {
  const scene = setScene('P-384');
  await assert.rejects(async () => scene.check(scene.signed()), isFault('call_signature_refused'));
});

test('O9 RFC 9421 §7.2.2: the same signed call is taken once, until its signature has ended anyway', async () => {
  const scene = setScene();
  const travelling = scene.signed();
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => scene.check(travelling)));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  await assert.rejects(() => scene.check(travelling), isFault('call_replayed'));
  scene.clock.advance(59_999);
  await assert.rejects(() => scene.check(travelling), isFault('call_replayed'));
  scene.clock.advance(1);
  await assert.rejects(async () => scene.check(travelling), isFault('call_signature_refused'));
});

test('O9 nonces that cannot be remembered are a refusal: the check fails closed', async () => {
  const scene = setScene();
  const full = { take: () => Promise.reject(new Fault('unavailable', 'full')) };
  const travelling = scene.signed();
  const pending = checkCall(requestOf(travelling), scene.key, { clock: scene.clock, nonces: full });
  pending.body(travelling.body);
  await assert.rejects(pending.settle(), isFault('unavailable'));
});

test('O9 a call whose body was not compared is never taken', async () => {
  const scene = setScene();
  const pending = checkCall(requestOf(scene.signed()), scene.key, scene);
  await assert.rejects(pending.settle(), isFault('internal'));
});

test('O9 a credential is never part of what is signed and kept', async () => {
  const scene = setScene();
  const travelling = scene.signed({}, { authorization: 'Bearer canary' });
  assert.ok(!(await scene.check(travelling)).base.includes('canary'));
  const covering = scene.signed({}, { authorization: 'Bearer canary' });
  const all = ['@method', '@target-uri', 'content-digest', 'mcp-protocol-version', 'authorization'];
  Object.assign(covering.headers, signByOthers(scene, covering, all));
  await assert.rejects(async () => scene.check(covering), isFault('call_signature_refused'));
});

test('O9 interoperates: what http-message-signatures signs is taken, beside a signature of somebody else', async () => {
  const scene = setScene();
  const travelling: Travelling = {
    method: 'POST',
    targetUri,
    headers: {
      'content-type': 'application/json',
      'content-digest': contentDigest(body),
      'mcp-method': 'tools/call',
    },
    body,
  };
  const signed = await httpbis.signMessage(
    {
      name: 'theirs',
      key: {
        id: scene.key.thumbprint,
        alg: callSignature.algorithm,
        sign: async (data) =>
          await Promise.resolve(sign('sha256', data, { key: scene.privateKey, dsaEncoding: 'ieee-p1363' })),
      },
      fields: ['@method', '@target-uri', 'content-digest', 'content-type', 'mcp-method'],
      params: ['created', 'expires', 'nonce', 'keyid', 'alg', 'tag'],
      paramValues: {
        created: new Date(startSeconds * 1_000),
        expires: new Date((startSeconds + 30) * 1_000),
        nonce: 'n'.repeat(22),
        tag: callSignature.tag,
      },
    },
    { method: 'POST', url: targetUri, headers: travelling.headers },
  );
  const headers = Object.fromEntries(
    Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  headers['signature-input'] += ', proxy=("@method");tag="of-somebody-else"';
  headers['signature'] += ', proxy=:AAAA:';
  assert.ok(SignedCall.proves(await scene.check({ ...travelling, headers })));
});

test('O9 interoperates: http-message-signatures verifies what we sign', async () => {
  const scene = setScene();
  // It reads the machine's clock.
  const created = Math.floor(systemClock.now() / 1_000);
  const { method, headers } = scene.signed({ created, expires: created + 60 });
  const key = { key: scene.key.publicKey, dsaEncoding: 'ieee-p1363' } as const;
  const accepted = await httpbis.verifyMessage(
    {
      keyLookup: async (parameters) => {
        assert.equal(parameters.keyid, scene.key.thumbprint);
        return await Promise.resolve({
          id: scene.key.thumbprint,
          algs: [callSignature.algorithm],
          verify: async (data: Buffer, signature: Buffer) =>
            await Promise.resolve(verify('sha256', data, key, signature)),
        });
      },
    },
    { method, url: targetUri, headers },
  );
  assert.equal(accepted, true);
});

type Change = (call: Travelling) => void;

function remove(call: Travelling, ...names: readonly string[]): void {
  for (const name of names) delete call.headers[name];
}

function replace(call: Travelling, name: string, from: string, to: string): void {
  const before = call.headers[name] ?? '';
  assert.ok(before.includes(from), from);
  call.headers[name] = before.replace(from, to);
}

function double(call: Travelling, name: string): void {
  call.headers[name] = `${call.headers[name]}, ${call.headers[name]}`;
}

function unsignedGet(method: string): Travelling {
  return {
    method,
    targetUri,
    headers: { 'mcp-session-id': 's', accept: 'text/event-stream' },
    body: new Uint8Array(),
  };
}

/** A signature over exactly these components, written by hand. */
function signByOthers(
  scene: ReturnType<typeof setScene>,
  call: Travelling,
  names: readonly string[],
): Record<string, string> {
  const derived: Record<string, string> = { '@method': call.method, '@target-uri': call.targetUri };
  const nonce = `${call.method}${'n'.repeat(22)}`;
  const parameters = `(${names.map((name) => `"${name}"`).join(' ')});created=${startSeconds};expires=${startSeconds + 60};nonce="${nonce}";keyid="${scene.key.thumbprint}";alg="ecdsa-p256-sha256";tag="countersign-call-v1"`;
  const lines = names.map((name) => `"${name}": ${derived[name] ?? call.headers[name]}`);
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n');
  const value = sign('sha256', Buffer.from(base), { key: scene.privateKey, dsaEncoding: 'ieee-p1363' });
  return { 'signature-input': `call=${parameters}`, signature: `call=:${value.toString('base64')}:` };
}
