import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { nonceOf, signCall } from '../src/http/signatures/call-signature.ts';
import { sha256Base64url } from '../src/kernel/bytes.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { randomBytes } from '../src/kernel/random.ts';
import { checkCall } from '../src/oauth/signed-call/check-call.ts';
import { memoryNonces } from '../src/oauth/signed-call/memory-nonces.ts';

// What a signed call costs whoever signs it and whoever checks it, by the size of its body. Beside it: the bare signature.

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
const thumbprint = sha256Base64url('bench');
const targetUri = 'https://gateway.example.internal:8443/mcp/billing';
const rounds = 5;
const calls = 2_000;

function signed(body: Uint8Array): Readonly<Record<string, string>> {
  const created = Math.floor(systemClock.now() / 1_000);
  const headers = { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' };
  const statement = { created, expires: created + 60, nonce: nonceOf(randomBytes(16)), thumbprint };
  const added = signCall({ method: 'POST', targetUri, headers, body }, statement, (base) =>
    sign('sha256', Buffer.from(base), key),
  );
  return { ...headers, ...added };
}

process.stdout.write(
  '## Signed calls\n\n| body | signed, µs | checked, µs | P-256 alone: sign, µs | verify, µs |\n|--:|--:|--:|--:|--:|\n',
);
for (const size of [300, 4_096, 102_400]) {
  const body = new Uint8Array(size).fill(0x20);
  const signing: number[] = [];
  const checking: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const nonces = memoryNonces(systemClock);
    let began = performance.now();
    const made = Array.from({ length: calls }, () => signed(body));
    signing.push(((performance.now() - began) * 1_000) / calls);
    began = performance.now();
    for (const headers of made) {
      const request = { method: 'POST', targetUri, header: (name: string) => headers[name] ?? null };
      const pending = checkCall(request, { thumbprint, publicKey }, { clock: systemClock, nonces });
      pending.body(body);
      await pending.settle();
    }
    checking.push(((performance.now() - began) * 1_000) / calls);
  }
  const [bareSign, bareVerify] = bare();
  const cells = [median(signing), median(checking), bareSign, bareVerify].map((time) => time.toFixed(0));
  process.stdout.write(`| ${size} | ${cells.join(' | ')} |\n`);
}

function bare(): readonly [number, number] {
  const text = Buffer.alloc(450, 0x61);
  const signing: number[] = [];
  const verifying: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let began = performance.now();
    const made = Array.from({ length: calls }, () => sign('sha256', text, key));
    signing.push(((performance.now() - began) * 1_000) / calls);
    began = performance.now();
    for (const value of made) verifyOne(text, value);
    verifying.push(((performance.now() - began) * 1_000) / calls);
  }
  return [median(signing), median(verifying)];
}

function verifyOne(text: Uint8Array, value: Uint8Array): void {
  if (!verify('sha256', text, { key: publicKey, dsaEncoding: 'ieee-p1363' }, value))
    throw new Error('not verified');
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
