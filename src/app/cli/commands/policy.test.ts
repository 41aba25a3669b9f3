import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { steppedClock } from '../../../kernel/clock.ts';
import { runCli } from '../run-cli.ts';
import { policyCommands } from './policy.ts';
import { createRedactor } from '../../../secrets/redact.ts';

const examples = join(import.meta.dirname, '../../../../examples/policies');

test('A3 policy check lists the policies and their version', async () => {
  const { code, stdout } = await run('policy', 'check', examples, '--json');
  const result = JSON.parse(stdout) as { version: string; policies: { id: string; line: number }[] };
  assert.equal(code, 0);
  assert.match(result.version, /^[\w-]{43}$/);
  assert.ok(result.policies.some(({ id }) => id === 'never-environment'));
  assert.match((await run('policy', 'check', examples)).stdout, /never-environment +forbid +tour\.cedar/);
});

test('A3 policy check ends with 2 and file:line for a policy that is not valid, with 4 where there is none', async () => {
  await inFolder(async (folder) => {
    assert.equal((await run('policy', 'check', folder)).code, 4);
    assert.equal((await run('policy', 'check', join(folder, 'missing'))).code, 4);
    await writeFile(
      join(folder, 'a.cedar'),
      '\npermit (principal, action == Action::"tools/cal", resource);',
    );
    const { code, stderr } = await run('policy', 'check', folder);
    assert.equal(code, 2);
    assert.match(stderr, /a\.cedar:2:\d+: .*"tools\/call".*\[policy_invalid\]/);
  });
});

test('A3 policy explain says what decides and which permit missed by one thing', async () => {
  const asked = ['policy', 'explain', examples, '--server', 'files', '--tool', 'read_text_file'];
  const permitted = await run(
    ...asked,
    '--role',
    'guest',
    '--arguments',
    '{"path":"/srv/documents/public/a"}',
  );
  assert.equal(permitted.code, 0);
  assert.match(permitted.stdout, /^Permitted by guests-may-read-public-files/);
  const denied = await run(...asked, '--role', 'guest', '--arguments', '{"path":"/etc/passwd"}');
  assert.match(denied.stdout, /^Denied \(no_policy_permits\)/);
  assert.match(denied.stdout, /guests-may-read-public-files.*but for: when .*public/);
  assert.match(
    denied.stdout,
    /would allow it.*\n {2}call it with the argument path "\/srv\/documents\/public\/x"\n {2}add permit/,
  );
  const json = await run(...asked, '--json', '--arguments', '{"path":"/srv/documents/public/a"}');
  const { decision, findings } = JSON.parse(json.stdout) as {
    decision: { outcome: string };
    findings: { id: string; mismatch: string[]; nearMiss: boolean }[];
  };
  assert.equal(decision.outcome, 'deny');
  const near = findings.find(({ id }) => id === 'guests-may-read-public-files');
  assert.deepEqual([near?.mismatch, near?.nearMiss], [['principal'], true]);
});

test('T7 policy check reads the limits too, shows them, and refuses them with the line', async () => {
  const { code, stdout } = await run('policy', 'check', examples);
  assert.equal(code, 0);
  assert.match(stdout, /search +agent and tool +100 calls each hour/);
  await inFolder(async (folder) => {
    await writeFile(join(folder, 'a.cedar'), 'permit (principal, action, resource);');
    await writeFile(join(folder, 'limits.yaml'), 'limits:\n  - name: a\n    concurent: 1\n');
    const wrong = await run('policy', 'check', folder);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /limits\.yaml: line 3: .*concurrent\?.*\[config_invalid\]/);
    await rm(join(folder, 'limits.yaml'));
    await writeFile(join(folder, 'limits.yml'), 'limits: []');
    // Passed over, it would be limits that hold nothing.
    const misnamed = await run('policy', 'check', folder);
    assert.match(misnamed.stderr, /limits\.yaml, not limits\.yml.*\[config_invalid\]/);
  });
});

test('O1 policy check reads the token rules too, shows them, and refuses them with the line; policy explain says what is wanted', async () => {
  await inFolder(async (folder) => {
    await writeFile(join(folder, 'a.cedar'), 'permit (principal, action, resource);');
    const rules =
      'servers:\n  files:\n    scopes: [files:read]\n    demands: [{ tools: [rm], scopes: [files:rm], maxAgeSeconds: 60 }]\n';
    await writeFile(join(folder, 'tokens.yaml'), rules);
    const { code, stdout } = await run('policy', 'check', folder);
    assert.equal(code, 0);
    assert.match(stdout, /files +mtls +any issuer +files:read; more for some calls/);
    const explained = await run('policy', 'explain', folder, '--server', 'files', '--tool', 'rm');
    assert.match(
      explained.stdout,
      /wants a token besides: bound mtls, with the scopes files:read files:rm, a login of the last 60 s\./,
    );
    const free = await run('policy', 'explain', folder, '--server', 'git', '--tool', 'rm');
    assert.doesNotMatch(free.stdout, /token/);
    await writeFile(join(folder, 'tokens.yaml'), 'servers:\n  files:\n    bindings: mtls\n');
    const wrong = await run('policy', 'check', folder);
    assert.match(wrong.stderr, /tokens\.yaml: line 3: .*binding\?.*\[config_invalid\]/);
    await rm(join(folder, 'tokens.yaml'));
    await writeFile(join(folder, 'tokens.yml'), rules);
    // Passed over, it would be servers that want nothing.
    const misnamed = await run('policy', 'check', folder);
    assert.match(misnamed.stderr, /tokens\.yaml, not tokens\.yml.*\[config_invalid\]/);
  });
});

test('A3 policy explain takes what a token says', async () => {
  await inFolder(async (folder) => {
    const when =
      'context has person && context.person == "sso:alice" && context.scopes.contains("a") && context.binding == "mtls" && context has client && context has acr && context has actor && context.actor == "spiffe://x/agent/a" && context.actors.contains("spiffe://x/agent/b")';
    await writeFile(join(folder, 'a.cedar'), `permit (principal, action, resource) when { ${when} };`);
    const asked = [
      'policy',
      'explain',
      folder,
      '--server',
      'files',
      '--tool',
      'read',
      '--binding',
      'mtls',
      '--client',
      'c',
      '--acr',
      'x',
      '--actor',
      'spiffe://x/agent/a',
      '--actor',
      'spiffe://x/agent/b',
      '--scope',
      'a',
    ];
    assert.match((await run(...asked, '--person', 'sso:alice')).stdout, /^Permitted/);
    assert.match((await run(...asked, '--person', 'sso:bob')).stdout, /^Denied/);
  });
});

test('T7 policy explain names the limits that the call counts in', async () => {
  const files = await run('policy', 'explain', examples, '--server', 'files', '--tool', 'read_text_file');
  assert.match(files.stdout, /limit "files-server" counts it, per everybody: 32 open/);
  assert.doesNotMatch(files.stdout, /"search"/);
  const web = await run('policy', 'explain', examples, '--server', 'web', '--tool', 'search', '--json');
  const { limits } = JSON.parse(web.stdout) as { limits: string[] };
  assert.deepEqual(limits, ['each-agent', 'each-person', 'search']);
});

test('A3 policy explain refuses arguments that are no JSON object, and two targets', async () => {
  const asked = ['policy', 'explain', examples, '--server', 'files', '--tool', 'read_text_file'];
  assert.equal((await run(...asked, '--arguments', '[]')).code, 2);
  assert.notEqual((await run(...asked, '--arguments', '{')).code, 0);
  assert.equal((await run(...asked, '--prompt', 'x')).code, 2);
});

test('A3 policy test passes the tests of the example, and ends with 6 when one fails', async () => {
  const good = await run('policy', 'test', examples, join(examples, 'tour-tests.yaml'));
  assert.match(good.stdout, /\n\d+ passed, 0 failed\.\n$/);
  assert.equal(good.code, 0);
  await inFolder(async (folder) => {
    const file = join(folder, 'tests.yaml');
    await writeFile(file, 'tests:\n  - {name: a, server: everything, tool: get-env, expect: permit}\n');
    const bad = await run('policy', 'test', examples, file);
    assert.equal(bad.code, 6);
    assert.match(bad.stdout, /FAILED {2}a: expected permit, got deny: .*never-environment/);
    const json = await run('policy', 'test', examples, file, '--json');
    assert.equal(json.code, 6);
    assert.equal((JSON.parse(json.stdout) as { failed: number }).failed, 1);
  });
});

test('A3 policy test without tests, or with a slip in them, is refused', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'tests.yaml');
    assert.equal((await run('policy', 'test', examples, file)).code, 4);
    for (const text of ['', 'tests: []', 'tests:\n  - {name: a, servr: b, expect: deny}', 'tests: [']) {
      await writeFile(file, text);
      assert.equal((await run('policy', 'test', examples, file)).code, 2, text);
    }
  });
});

test('A3 policy check holds the policies against a file of tools: every slip is an error with the nearest name', async () => {
  await inFolder(async (folder) => {
    const tools = join(folder, 'tools.yaml');
    const policy = (tool: string, argument: string, server = 'files'): string =>
      `permit (principal, action == Action::"tools/call", resource == Tool::"${server}/${tool}") when { context.arguments.${argument} like "/*" };`;
    await writeFile(
      tools,
      'files: {tools: [{name: read, inputSchema: {properties: {path: {type: string}}, required: [path]}}]}',
    );
    await writeFile(join(folder, 'a.cedar'), `${policy('raed', 'path')}\n${policy('read', 'pth')}`);
    const { code, stderr } = await run('policy', 'check', folder, '--tools', tools);
    assert.equal(code, 2);
    assert.match(stderr, /a\.cedar:1:\d+: .*no tool "raed"\. Did you mean "read"\?/);
    assert.match(stderr, /a\.cedar:2:\d+: .*no argument "pth"\. Did you mean "path"\?/);
    assert.equal((await run('policy', 'check', folder)).code, 0);
    await writeFile(join(folder, 'a.cedar'), policy('read', 'path', 'git'));
    const warned = await run('policy', 'check', folder, '--tools', tools);
    assert.equal(warned.code, 0);
    assert.match(warned.stdout, /warning: a\.cedar:1:\d+: the server "git" is not known yet/);
    await writeFile(tools, 'files: {tools: [{title: read}]}');
    assert.match(
      (await run('policy', 'check', folder, '--tools', tools)).stderr,
      /tools\.yaml: files\.tools\.0\.name/,
    );
    assert.equal((await run('policy', 'check', folder, '--tools', join(folder, 'none'))).code, 4);
  });
});

test('A3 policy diff says what a change allows more and less, and ends with 6 where nothing more is wanted', async () => {
  await inFolder(async (folder) => {
    const [before, after] = [join(folder, 'before'), join(folder, 'after')];
    for (const place of [before, after]) await mkdir(place);
    const permit = (role: string): string =>
      `@id("may-read") permit (principal in Role::"${role}", action == Action::"tools/call", resource == Tool::"files/read");`;
    await writeFile(join(before, 'a.cedar'), permit('staff'));
    await writeFile(join(after, 'a.cedar'), permit('staff'));
    const same = await run('policy', 'diff', before, after, '--refuse-wider');
    assert.equal(same.code, 0);
    assert.match(same.stdout, /^Nothing is allowed more.*\nNothing is allowed less/);
    await writeFile(join(after, 'a.cedar'), permit('guest'));
    const other = await run('policy', 'diff', before, after);
    assert.equal(other.code, 0);
    assert.match(
      other.stdout,
      /Allowed more:\n  by policy "may-read" \(a\.cedar:1\):\n    tools\/call of the tool files\/read: denied → permitted, for example an agent with the role guest/,
    );
    assert.match(
      other.stdout,
      /Allowed less:[\s\S]*permitted → denied, for example an agent with the role staff/,
    );
    const { code, stdout } = await run('policy', 'diff', before, after, '--refuse-wider', '--json');
    assert.equal(code, 6);
    const { wider, more } = JSON.parse(stdout) as {
      wider: boolean;
      more: { certainty: string; policy: string }[];
    };
    assert.deepEqual([wider, more[0]?.certainty, more[0]?.policy], [true, 'shown', 'may-read']);
    await writeFile(join(after, 'a.cedar'), permit('staff'));
    await writeFile(join(before, 'limits.yaml'), 'limits: []');
    const settings = await run('policy', 'diff', before, after, '--refuse-wider');
    assert.equal(settings.code, 6);
    assert.match(settings.stdout, /limits\.yaml differs/);
  });
});

test('A3 policy init writes policies for four roles without a wildcard, which pass their own tests and fit the tools', async () => {
  await inFolder(async (folder) => {
    const [tools, made] = [join(folder, 'tools.json'), join(folder, 'policies')];
    const list = [
      { name: 'read', annotations: { readOnlyHint: true } },
      { name: 'write', annotations: { destructiveHint: false } },
      { name: 'wipe' },
    ];
    await writeFile(tools, JSON.stringify({ files: { tools: list }, 'web-1': { tools: list.slice(0, 1) } }));
    assert.equal((await run('policy', 'init', made, '--tools', tools)).code, 0);
    assert.equal((await run('policy', 'check', made, '--tools', tools)).code, 0);
    const tested = await run('policy', 'test', made, join(made, 'starter-tests.yaml'));
    assert.match(tested.stdout, /\n20 passed, 0 failed\.\n$/);
    assert.match(tested.stdout, /operator: files\/wipe/);
    for (const role of ['auditor', 'reader', 'developer', 'operator']) {
      const text = await readFile(join(made, `${role}.cedar`), 'utf8');
      for (const scope of text.matchAll(/(?:permit|forbid) \(([^)]*)\)/g)) {
        assert.match(
          scope[1] ?? '',
          /^principal in Role::"\w+", action (?:in|==) Action::"[\w/]+", resource in Server::"[\w-]+"$/,
        );
      }
      assert.doesNotMatch(text, /\*/);
    }
    // Nothing is replaced.
    assert.equal((await run('policy', 'init', made, '--tools', tools)).code, 3);
    // A test that is wrong is seen: the tests are no ornament.
    const file = join(made, 'starter-tests.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"ask"', '"permit"'));
    assert.equal((await run('policy', 'test', made, file)).code, 6);
  });
});

test('A3 policy schema prints the schema', async () => {
  assert.match((await run('policy', 'schema')).stdout, /entity Tool in \[Server\]/);
});

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function run(
  ...argv: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runCli(
    argv,
    {
      stdin: new PassThrough(),
      stdout,
      stderr,
      env: {},
      redactor: createRedactor(),
      isTty: false,
      ended: new AbortController().signal,
      clock: steppedClock(1_800_000_000_000),
    },
    policyCommands,
  );
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

test('A6 policy explain takes the labels of what is used and of what was touched', async () => {
  await inFolder(async (folder) => {
    const when = 'context.labels.contains("public-sink") && context.touched.contains("private")';
    await writeFile(join(folder, 'a.cedar'), `permit (principal, action, resource) when { ${when} };`);
    const asked = ['policy', 'explain', folder, '--server', 'mail', '--tool', 'send'] as const;
    const labelled = [...asked, '--label', 'public-sink', '--label', 'own'] as const;
    assert.match((await run(...labelled, '--touched', 'private')).stdout, /^Permitted/);
    assert.match((await run(...labelled)).stdout, /^Denied/);
  });
});

test('A6 the tests of the flow rules to begin with pass beside a policy that permits', async () => {
  await inFolder(async (folder) => {
    const rules = join(examples, '../flow-rules');
    await writeFile(join(folder, 'a.cedar'), 'permit (principal, action, resource);');
    for (const name of ['flows.cedar', 'flows.yaml']) await copyFile(join(rules, name), join(folder, name));
    assert.match(
      (await run('policy', 'test', folder, join(rules, 'tests.yaml'))).stdout,
      /4 passed, 0 failed/,
    );
    const slip = 'forbid (principal, action, resource) when { context.touched.contains("privat") };';
    await writeFile(join(folder, 'b.cedar'), slip);
    const { code, stderr } = await run('policy', 'check', folder);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /b\.cedar:1:\d+: there is no label "privat"\. Did you mean "private"\?.*\[policy_invalid\]/,
    );
    await rm(join(folder, 'b.cedar'));
    await rm(join(folder, 'flows.yaml'));
    await writeFile(join(folder, 'flow.yml'), '{}');
    // Passed over, it would be labels that nothing has.
    assert.match(
      (await run('policy', 'check', folder)).stderr,
      /flows\.yaml, not flow\.yml.*\[config_invalid\]/,
    );
  });
});
