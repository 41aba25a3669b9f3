import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { certificateOf } from '../../../gateway/caller.fixture.ts';
import { gatewayUrl, mintingIssuer } from '../../../gateway/token.fixture.ts';
import { sha256Base64url } from '../../../kernel/bytes.ts';
import { steppedClock } from '../../../kernel/clock.ts';
import { readCertificate } from '../../../x509/certificate.ts';
import { encodePem } from '../../../x509/pem.ts';
import { runCli } from '../run-cli.ts';
import { tokenExplainCommand } from './token-explain.ts';
import { createRedactor } from '../../../secrets/redact.ts';

const der = await certificateOf('ci-bot');
const { notBefore } = readCertificate(der);
const time = notBefore + 120_000;
const sso = mintingIssuer();
const bound = { cnf: { 'x5t#S256': sha256Base64url(der) }, iat: time / 1_000, exp: time / 1_000 + 300 };

test('O1 token explain says what a token is good for, or why it is not, and shows it in neither case', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-token-'));
  try {
    const certificate = join(folder, 'agent.pem');
    await writeFile(certificate, encodePem('CERTIFICATE', der));
    const keys = JSON.stringify({ keys: [sso.jwk] });
    const rules = `issuers: [{ name: sso, issuer: "${sso.issuer.issuer}", keys: { set: ${keys} } }]
servers: { files: { scopes: [files:read], demands: [{ tools: [rm], scopes: [files:rm] }] } }`;
    await writeFile(join(folder, 'tokens.yaml'), rules);
    const explain = async (token: string, ...more: readonly string[]): Promise<Ran> => {
      const ran = await run(token, folder, '--gateway', gatewayUrl, '--certificate', certificate, ...more);
      for (const part of token.split('.'))
        assert.ok(!`${ran.stdout}${ran.stderr}`.includes(part), 'the token is shown');
      return ran;
    };
    const good = await sso.token(bound);
    const taken = await explain(good, '--server', 'files');
    assert.equal(taken.code, 0, taken.stderr);
    assert.match(
      taken.stdout,
      /^Taken, for sso:alice: bound by mtls, until .*\n.*client desktop, scopes files:read files:write/,
    );
    assert.equal((await explain(`Bearer ${good}\n`, '--server', 'files')).code, 0);
    const json = await explain(good, '--server', 'files', '--json');
    assert.equal((JSON.parse(json.stdout) as { tokenId: string }).tokenId, 'token-1');
    const lacking = await explain(good, '--server', 'files', '--tool', 'rm');
    assert.deepEqual([lacking.code, /\(scope_insufficient\).*files:rm/.test(lacking.stdout)], [6, true]);
    const elsewhere = await explain(
      await sso.token({ ...bound, cnf: { 'x5t#S256': 'A'.repeat(43) } }),
      '--server',
      'files',
    );
    assert.match(elsewhere.stdout, /^Refused \(token_invalid\): The token is bound to another certificate\./);
    assert.match((await explain(good)).stdout, /is not for https:\/\/gateway\.example\.internal:8443\/mcp\./);
    assert.match((await explain(good, '--server', 'git')).stdout, /git wants no token/);
    assert.equal((await explain('two words', '--server', 'files')).code, 2);
    assert.equal((await explain('x'.repeat(17_000), '--server', 'files')).code, 2);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(token: string, ...argv: readonly string[]): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runCli(
    ['token', 'explain', ...argv],
    {
      stdin: Readable.from([token]),
      stdout,
      stderr,
      env: {},
      redactor: createRedactor(),
      isTty: false,
      ended: new AbortController().signal,
      clock: steppedClock(time),
    },
    [tokenExplainCommand],
  );
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}
