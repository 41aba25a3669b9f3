import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPeople } from '../../src/app/config/people-file.ts';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { openOidc } from '../journeys/oidc-town.ts';
import { runGuide, townFor } from './run-guide.ts';

const guide = join(import.meta.dirname, '../../docs/guides/login.md');
const browser = join(import.meta.dirname, '../journeys/person-browser.ts');

test('I3 the commands of the guide to logins do what it says', { skip: missing('bash') }, async () => {
  await using town = await openTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    await using oidc = await openOidc(town, folder);
    const alice = { sub: 'alice', email: 'alice@example.com', email_verified: true, groups: ['engineering'] };
    oidc.accounts.set('alice', alice);
    const known = {
      ...(await townFor(town, folder)),
      FOLDER: town.data.folder,
      ISSUER: oidc.issuer,
      PROVIDER_ROOTS: oidc.rootsFile,
      BROWSER: browserFor(folder, oidc.roots),
    };
    await runGuide('login', known, ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /^Next: countersign bridge --gateway <url> --agent alice /m);
      assert.match(said, /^ {2}builder: rule 1 of company, for engineering$/m);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('I4 the example of the guide to logins is a file that is read', () => {
  const example = /^```yaml\n(providers:[\s\S]*?)^```$/m.exec(readFileSync(guide, 'utf8'))?.[1] ?? '';
  const [provider] = readPeople('people.yaml', example);
  assert.deepEqual(
    provider?.rules.map(({ claims, gives, takes }) => [[...claims.keys()], gives, takes]),
    [
      [[], ['reader'], []],
      [['/groups'], ['builder', 'deployer'], []],
      [['/department'], ['ledger'], []],
      [['/groups'], [], ['deployer']],
    ],
  );
});

/** A program that opens a page and logs in as alice there. */
function browserFor(folder: string, roots: string): string {
  const script = join(folder, 'browser.mjs');
  const lines = [
    `import { openBrowser } from ${JSON.stringify(browser)};`,
    `await using browser = openBrowser(${JSON.stringify(roots)});`,
    `await browser.visit(process.argv[2], { login: 'alice', password: 'any' });`,
  ];
  writeFileSync(script, lines.join('\n'));
  const program = join(folder, 'browser');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$1"\n`);
  chmodSync(program, 0o755);
  return program;
}
