import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { type MetricRow, metricCatalogue } from '../src/telemetry/metric-catalogue.ts';
import { missing } from './interop/missing.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'deploy/observability');
const rules = readFileSync(join(folder, 'alert-rules.yaml'), 'utf8');
const dashboard = readFileSync(join(folder, 'grafana-dashboard.json'), 'utf8');
const runbook = readFileSync(join(root, 'docs/alerts.md'), 'utf8');
const alerts = (parse(rules) as { groups: { rules: { alert: string; expr: string }[] }[] }).groups.flatMap(
  (group) => group.rules,
);

/** Names as they are scraped: a histogram is three. */
const scraped = new Map(
  Object.values<MetricRow>(metricCatalogue).flatMap((row) =>
    row.type === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((suffix) => [row.name + suffix, [...row.labels, 'le']] as const)
      : [[row.name, row.labels] as const],
  ),
);

function wrongIn(text: string): readonly string[] {
  const wrong: string[] = [];
  for (const [, name = '', matchers = ''] of text.matchAll(
    /\b((?:countersign|process)_[a-z_]+)(?:\{([^}]*)\})?/g,
  )) {
    const labels = scraped.get(name);
    if (!labels) wrong.push(name);
    for (const [, label = ''] of matchers.matchAll(/([a-z_]+)\s*(?:=~|!=|!~|=)/g)) {
      if (![...(labels ?? []), 'instance', 'job'].includes(label)) wrong.push(`${name}{${label}}`);
    }
  }
  return wrong;
}

test('U7 the alert rules use only measurements that there are, with labels that they have', () => {
  assert.ok(alerts.length > 20);
  assert.deepEqual(wrongIn(alerts.map(({ expr }) => expr).join('\n')), []);
  assert.deepEqual(wrongIn('countersign_nothing_total'), ['countersign_nothing_total']);
});

test('U7 the dashboard uses only measurements that there are, with labels that they have', () => {
  const { panels } = JSON.parse(dashboard) as { panels: { targets?: { expr: string }[] }[] };
  const used = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  assert.ok(used.length > 30);
  assert.deepEqual(wrongIn(used.join('\n')), []);
});

test('U7 every alert has its section in docs/alerts.md, and every section its alert', () => {
  const sections = [...runbook.matchAll(/^## (Countersign\w+)$/gm)].map(([, name]) => name);
  assert.deepEqual(
    sections,
    alerts.map(({ alert }) => alert),
  );
});

test('U7 promtool takes the alert rules, and they fire when they should and not before', {
  skip: missing('promtool'),
}, () => {
  for (const words of [
    ['check', 'rules', join(folder, 'alert-rules.yaml')],
    ['test', 'rules', join(folder, 'alert-rules.test.yaml')],
  ]) {
    const checked = spawnSync('promtool', words, { encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
  }
});
