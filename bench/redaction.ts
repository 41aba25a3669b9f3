import { createRedactor, type Redactor } from '../src/secrets/redact.ts';
import { SeededRandom } from '../test/differential/seeded-random.ts';

/** What it costs to look for secrets in clean text: `npm run bench:redaction`. */
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

function token(): string {
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'.split('');
  return `ghp_${Array.from({ length: 36 }, () => random.pick(characters)).join('')}`;
}

/** Megabytes a second, the best of several rounds. */
function speed(redactor: Redactor, text: Buffer): string {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    const stream = redactor.stream('json');
    for (let at = 0; at < text.length; at += pieceOctets) stream.push(text.subarray(at, at + pieceOctets));
    stream.end();
    best = Math.min(best, performance.now() - began);
  }
  return `${Math.round(text.length / best / 1_000)} MB/s`;
}
