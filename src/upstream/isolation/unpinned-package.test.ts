import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unpinnedPackage } from './unpinned-package.ts';

const of = (line: string) => unpinnedPackage(line.split(' '));

test('S3 a launcher that fetches what it runs needs an exact version, and is told the line that has one', () => {
  const rows: Readonly<Record<string, string>> = {
    'npx something@latest': 'something@<version>',
    'npx -y something': 'something@<version>',
    'npx -y @acme/server@^1.2.0': '@acme/server@<version>',
    'npx --package=@acme/server server --flag': '@acme/server@<version>',
    'npx -p @acme/server@1 server': '@acme/server@<version>',
    'npx --registry https://r.example something': 'something@<version>',
    'npx github:acme/server': 'github:acme/server@<version>',
    'npm exec -- something': 'something@<version>',
    'npm x something': 'something@<version>',
    '/usr/bin/npx something': 'something@<version>',
    'NPX.cmd something': 'something@<version>',
    'pnpm dlx something@next': 'something@<version>',
    'yarn dlx something': 'something@<version>',
    'bunx something@*': 'something@<version>',
    'uvx mcp-server-git': 'mcp-server-git==<version>',
    'uvx --from mcp-server-git>=1 git': 'mcp-server-git==<version>',
    'uv tool run mcp-server-git': 'mcp-server-git==<version>',
    'pipx run mcp-server-git': 'mcp-server-git==<version>',
  };
  for (const [line, instead] of Object.entries(rows)) {
    assert.ok(of(line)?.instead.startsWith(`${instead}, such as`), `${line}: ${of(line)?.instead}`);
  }
});

test('S3 an exact version, a path, and what is no launcher are left alone', () => {
  for (const line of [
    'npx -y something@1.2.3',
    'npx @acme/server@1.2.3-beta.1',
    'npx -p @acme/server@1.2.3 server',
    'npx ./server',
    'npx /opt/server',
    'npm start',
    'npm run something',
    'uvx mcp-server-git==2026.1.14',
    'uvx mcp-server-git@1.0',
    'uvx --from mcp-server-git==1.0 git',
    'uv run server.py',
    'node server.js',
    'npx',
  ]) {
    assert.equal(of(line), null, line);
  }
});
