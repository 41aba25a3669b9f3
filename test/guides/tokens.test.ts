import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPeople } from '../../src/app/config/people-file.ts';
import { missing } from '../interop/missing.ts';
import { openTown } from '../journeys/deployment.ts';
import { openOidc, pagesSecret } from '../journeys/oidc-town.ts';
import { runGuide, townFor } from './run-guide.ts';

const guide = join(import.meta.dirname, '../../docs/guides/tokens-organisation.md');

test('O2 O3 the commands of the guides to people do what they say', {
  skip: missing('bash', 'curl'),
}, async () => {
  await using town = await openTown();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-guide-'));
  try {
    const known = await townFor(town, folder);
    await runGuide('tokens-embedded', known, ({ code, said }) => {
      assert.equal(code, 0, said);
      assert.match(said, /^ {2}https:\/\/localhost:\d+\/enrol#[\w-]{43}$/m);
      assert.match(said, /^groups: \["engineering","oncall"\]$/m);
      assert.match(said, /^alice@example\.com is forgotten/m);
    });
    await using oidc = await openOidc(town, folder);
    const roots = join(folder, 'roots.pem');
    writeFileSync(roots, town.deployment.authority.describe().roots);
    const organisation = {
      FOLDER: town.data.folder,
      PEOPLE: `https://localhost:${town.deployment.listeners['people']?.port}`,
      ROOTS: roots,
      ISSUER: oidc.issuer,
      PROVIDER_ROOTS: oidc.rootsFile,
      PAGES_SECRET: pagesSecret,
    };
    await runGuide('tokens-organisation', organisation, ({ code, said }) => {
      assert.equal(code, 0, said);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('O3 the example and every preset of the guide to organisations is a file that is read', () => {
  const text = readFileSync(guide, 'utf8');
  const examples = [...text.matchAll(/^```yaml\n(providers:[\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const names = examples.map((example) => {
    const [provider] = readPeople('people.yaml', example);
    assert.notEqual(provider?.pages, null);
    return provider?.name;
  });
  assert.deepEqual(names, ['company', 'keycloak', 'entra', 'okta', 'auth0', 'google']);
});
