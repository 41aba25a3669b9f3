import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Kind, type Outcome, type Run, runCases } from './run-cases.ts';

// The large run of the comparison with node:http: `npm run test:differential`, and with other numbers
// `npm run test:differential -- SEED MESSAGES`. It prints the seed, with which the same run can be made again.

/** So many requests, and so many responses. */
const usualMessages = 500_000;

if (isMainThread) await runBoth();
else await runOne();

async function runBoth(): Promise<void> {
  const [seed = Date.now() % 1_000_000_000, messages = usualMessages] = process.argv.slice(2).map(Number);
  say(`Comparing our reader with node:http: seed ${seed}, ${messages} requests and as many responses.`);
  const started = performance.now();
  const outcomes = await Promise.all([
    inWorker('requests', seed, messages),
    inWorker('responses', seed, messages),
  ]);
  say(`${Math.round((performance.now() - started) / 1_000)} s`);
  process.exitCode = outcomes.every(({ differences }) => differences.length === 0) ? 0 : 1;
}

async function inWorker(kind: Kind, seed: number, messages: number): Promise<Outcome> {
  const worker = new Worker(import.meta.filename, { workerData: { kind, seed, messages, first: 0 } });
  const outcome = await new Promise<Outcome>((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
  });
  const { cases, judged, same, stricter, refusedByBoth } = outcome.tally;
  say(
    `${kind}: ${judged} on ${cases} connections; ${same} taken and the same for node:http, ` +
      `${stricter} refused by us alone, ${refusedByBoth} by both; ${outcome.differences.length} differences`,
  );
  for (const difference of outcome.differences) say(difference);
  return outcome;
}

async function runOne(): Promise<void> {
  // Refusals are errors, and nobody reads where these were made.
  Error.stackTraceLimit = 0;
  parentPort?.postMessage(await runCases(workerData as Run), []);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
