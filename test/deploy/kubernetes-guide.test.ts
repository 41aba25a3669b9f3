import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseCommandLine } from '../../src/app/cli/parse-command-line.ts';
import { allCommands } from '../../src/app/cli/commands.ts';
import { configSchema } from '../../src/app/config/config.ts';
import { conform, render, type Values } from './chart.ts';
import { helm, kubeconform } from './deploy-tools.ts';

const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/kubernetes.md'), 'utf8');

const blocks = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);

test('U8 the values of the guide to Kubernetes are those that its two steps take', {
  skip: helm.skip || kubeconform.skip,
}, () => {
  const values = parse(blocks[0] ?? '') as Values;
  const keys = { cluster: { keys: '{"keys":[]}' } };
  const first = render(values, keys, { gateway: { enabled: false } });
  assert.equal(first.code, 0, first.said);
  const second = render(values, keys, { rootFingerprint: `sha256:${'0'.repeat(64)}` });
  assert.equal(second.code, 0, second.said);
  assert.equal(conform(second.text), '');
  const third = render(
    values,
    keys,
    { rootFingerprint: `sha256:${'0'.repeat(64)}` },
    parse(blocks[1] ?? '') as Values,
  );
  assert.equal(third.code, 0, third.said);
  const settings = third.objects.find(
    ({ metadata, kind }) => kind === 'ConfigMap' && metadata.name === 'countersign-gateway',
  );
  const read = configSchema.parse(parse(settings?.data?.['countersign.yaml'] ?? ''));
  assert.equal(read.telemetry.otlp.metricsSeconds, 30);
  assert.match(first.text, /name: countersign-authority\n/);
});

test('U8 the commands that the guides to containers and Kubernetes give the program are commands of it', async () => {
  const container = readFileSync(join(import.meta.dirname, '../../docs/guides/container.md'), 'utf8');
  const text = `${guide}\n${container}`.replaceAll(/ \\\n\s+/g, ' ');
  const given = [...text.matchAll(/(?:-- countersign|countersign:0\.1\.0) ([a-z].*)$/gm)].map(
    ([, words = '']) => [...words.matchAll(/"[^"]*"|\S+/g)].map(([word]) => word.replaceAll('"', '')),
  );
  assert.ok(given.length >= 4, `${given.length}`);
  const commands = await allCommands();
  for (const words of given) assert.equal(parseCommandLine(words, commands).kind, 'run', words.join(' '));
});
