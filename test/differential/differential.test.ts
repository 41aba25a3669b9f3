import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compare, type Tally } from './compare.ts';
import { NodeReading } from './node-reading.ts';
import { cutAt, everyOctet } from './octets-of-connection.ts';
import { requestPayloads } from './request-payloads.ts';
import { RequestPair } from './request-pair.ts';
import { responsePayloads } from './response-payloads.ts';
import { ResponsePair } from './response-pair.ts';
import { runCases } from './run-cases.ts';
import { WireRequests } from './wire-requests.ts';
import { WireResponses } from './wire-responses.ts';

const seed = Number(process.env['DIFFERENTIAL_SEED'] ?? Date.now() % 1_000_000_000);
const messages = Number(process.env['DIFFERENTIAL_MESSAGES'] ?? 4_000);

for (const kind of ['requests', 'responses'] as const) {
  test(`T6 whatever our reader takes from ${messages} generated ${kind}, node:http reads as the same messages`, async () => {
    const { tally, differences } = await runCases({ kind, seed, first: 0, messages });
    assert.deepEqual(differences, []);
    // A run in which one of these does not happen shows nothing.
    const { same, stricter, refusedByBoth } = tally;
    assert.ok(
      Math.min(same, stricter, refusedByBoth) > messages / 50,
      `seed ${seed}: ${JSON.stringify(tally)}`,
    );
  });
}

/** All ways to cut octets in two, each octet by itself, and whole. */
function cuts(octets: Buffer): readonly (readonly Buffer[])[] {
  const step = Math.ceil(octets.length / 600);
  const places = Array.from({ length: Math.ceil(octets.length / step) }, (_, at) => at * step);
  const byOctet = octets.length < 2_000 ? [everyOctet(octets)] : [];
  return [[octets], ...byOctet, ...places.filter((at) => at > 0).map((at) => cutAt(octets, [at]))];
}

function emptyTally(): Tally {
  return { cases: 0, judged: 0, same: 0, stricter: 0, refusedByBoth: 0 };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function settled(): Promise<void> {
  for (let turns = 0; turns < 8; turns++) await turn();
}

describe('T6 a payload that wants two readers to disagree', () => {
  for (const { name, octets, taken, refused } of requestPayloads) {
    test(`as a request, cut at every octet, is taken or refused as written down: ${name}`, async () => {
      const all = cuts(Buffer.from(octets, 'latin1'));
      for (const pieces of all) {
        const ours = new WireRequests();
        for (const piece of pieces) {
          ours.feed(piece);
          await turn();
        }
        await settled();
        const complete = ours.messages.filter((message) => message.complete);
        assert.deepEqual(
          complete.map(({ start }) => start),
          taken,
        );
        assert.equal(ours.refusals > 0, refused);
        ours.leave();
        await settled();
        assert.equal(ours.open, 0);
      }
      const pairs = all.map(
        (p) => new RequestPair(p, new NodeReading('requests'), new NodeReading('responses')),
      );
      assert.deepEqual(await compare(pairs, emptyTally()), []);
    });
  }

  for (const { name, method, octets, status, kept } of responsePayloads) {
    test(`as an answer, cut at every octet, is taken or refused as written down: ${name}`, async () => {
      const all = cuts(Buffer.from(octets, 'latin1'));
      for (const pieces of all) {
        const ours = new WireResponses();
        ours.ask(method);
        for (const piece of pieces) {
          ours.feed(piece);
          await turn();
        }
        await settled();
        assert.equal(ours.messages[0]?.start ?? null, status === null ? null : String(status));
        // What comes behind an answer in a piece of its own is found when it comes.
        assert.equal(ours.free && !ours.socket.destroyed, kept);
        ours.leave();
        await settled();
        assert.equal(ours.open, 0);
      }
      const pairs = all.map((pieces) => new ResponsePair([{ method, pieces }], new NodeReading('responses')));
      assert.deepEqual(await compare(pairs, emptyTally()), []);
    });
  }
});
