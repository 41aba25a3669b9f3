import { globSync, readFileSync } from 'node:fs';
import { createRedactor, type Redactor } from '../src/secrets/redact.ts';
import { LikelyCuts } from '../src/secrets/redaction/likely-cuts.ts';
import { LikelySecrets } from '../src/secrets/redaction/likely-secrets.ts';
import { SeededRandom } from '../test/differential/seeded-random.ts';
import { harmless, secretsInCarriers } from './redaction-corpus.ts';

/** What it costs to look for secrets in clean text, and what share of those that nobody handed out is found: `npm run bench:redaction`. */
const rounds = 7;
const pieceOctets = 64 * 1024;

const texts: Readonly<Record<string, Buffer>> = {
  prose: Buffer.from(
    'The quick brown fox jumps over the lazy dog, and nobody minds; it is a day like any other. '.repeat(
      20_000,
    ),
  ),
  'JSON, an escape for every 30 characters': Buffer.from(
    JSON.stringify(
      Array.from({ length: 12_000 }, (_, index) => ({
        id: index,
        name: `item "${index}"`,
        text: 'A line of text\nand another one with umläute\n\tand tabs',
        url: `https://example.org/a%20b/${index}`,
      })),
    ),
  ),
};

const random = new SeededRandom(1);
const rows = [1, 100, 10_000].map((count) => {
  const redactor = createRedactor();
  for (let index = 0; index < count; index++) redactor.learn(token());
  return [count, ...Object.values(texts).map((text) => speed(redactor, text))];
});
process.stdout.write(
  `| secrets | ${Object.keys(texts).join(' | ')} |\n|---|${'---|'.repeat(Object.keys(texts).length)}\n`,
);
for (const row of rows) process.stdout.write(`| ${row.join(' | ')} |\n`);
const hundred = createRedactor();
for (let index = 0; index < 100; index++) hundred.learn(token());
const likely = new LikelySecrets();
const all = Object.values(texts).map((text) => speedOfAll(hundred, likely, text));
process.stdout.write(`| 100, and what looks like one | ${all.join(' | ')} |\n`);
recallAndPrecision();

function token(): string {
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'.split('');
  return `ghp_${Array.from({ length: 36 }, () => random.pick(characters)).join('')}`;
}

/** Megabytes a second of processor time, the best of several rounds: others may be at work on the machine. */
function fastest(octets: number, look: () => void): string {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const began = process.cpuUsage();
    look();
    const { user, system } = process.cpuUsage(began);
    best = Math.min(best, user + system);
  }
  return `${Math.round(octets / best)} MB/s`;
}

function speed(redactor: Redactor, text: Buffer): string {
  return fastest(text.length, () => {
    const stream = redactor.stream('json');
    for (let at = 0; at < text.length; at += pieceOctets) stream.push(text.subarray(at, at + pieceOctets));
    stream.end();
  });
}

function speedOfAll(redactor: Redactor, secrets: LikelySecrets, text: Buffer): string {
  return fastest(text.length, () => {
    const { octets } = redactor.cut(text, 'json');
    new LikelyCuts(secrets, 'json').whole(octets);
  });
}

/** What share of secrets that nobody handed out is found, and how much of what is found is one. */
function recallAndPrecision(): void {
  const secrets = new LikelySecrets();
  const found = new Map<string, { all: number; cut: number }>();
  let cut = 0;
  let all = 0;
  for (const { format, carrier, text, secret } of secretsInCarriers(20)) {
    const left = cutLikely(secrets, text);
    const gone =
      !left.includes(secret) &&
      !left.includes(encodeURIComponent(secret)) &&
      !left.includes(JSON.stringify(secret).slice(1, -1));
    all += 1;
    cut += gone ? 1 : 0;
    for (const row of [format, carrier]) {
      const sum = found.get(row) ?? { all: 0, cut: 0 };
      found.set(row, { all: sum.all + 1, cut: sum.cut + (gone ? 1 : 0) });
    }
  }
  let lines = 0;
  let wrong = 0;
  for (const line of harmless(200)) {
    lines += 1;
    if (cutLikely(secrets, line) !== line) wrong += 1;
  }
  const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
  const rows = [...found].map(([row, sum]) => `| ${row} | ${share(sum.cut, sum.all)} |`);
  process.stdout.write(`\n| format or carrier | recall |\n|---|---|\n${rows.join('\n')}\n`);
  process.stdout.write(
    `\nRecall ${share(cut, all)} of ${all} secrets (24 formats × 10 carriers × 20). Of ${lines} harmless lines that look like it ${wrong} were touched: precision ${share(cut, cut + wrong)} on this corpus.\n`,
  );
  process.stdout.write(`Touched in this repository’s own documents and sources: ${ownTexts(secrets)}.\n`);
}

function cutLikely(secrets: LikelySecrets, text: string): string {
  return Buffer.from(new LikelyCuts(secrets, 'text').whole(Buffer.from(text))).toString();
}

/** Real text: nothing in it is a secret, though its tests hold many that look real. */
function ownTexts(secrets: LikelySecrets): string {
  const files = [...globSync('docs/**/*.md'), ...globSync('src/**/*.ts')].filter(
    (file) => !file.includes('.test.') && !file.includes('.fixture.'),
  );
  const places = files.map((file) => secrets.find(readFileSync(file)).length);
  const octets = files.reduce((sum, file) => sum + readFileSync(file).length, 0);
  return `${places.reduce((sum, count) => sum + count, 0)} places in ${files.length} files, ${Math.round(octets / 1_000)} kB`;
}
