import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { entryLine, genesis } from '../../audit/entry.ts';
import { canonicalJson } from '../../kernel/canonical-json.ts';
import { syslogFrame, syslogMessage } from './message.ts';

test('S4 whatever an entry holds, its message has the header of RFC 5424 and its frame the length in octets', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((one) => one.isWellFormed());
  fc.assert(
    fc.property(fc.nat(), text, text, (index, type, value) => {
      const event = canonicalJson({ type, value });
      const line = entryLine(index, '2026-11-24T10:00:00.000Z', genesis('o'), event);
      const message = syslogMessage('o', { index, line, hash: 'h' }, { host: value });
      assert.match(
        message,
        /^<1(08|10)>1 2026-11-24T10:00:00\.000Z [!-~]{1,255} countersign - [!-~]{1,32} \[origin software="countersign"\]\[meta sequenceId="[1-9]\d{0,9}"\] \{/,
      );
      assert.ok(message.endsWith(`"entry":${line}}`));
      const frame = Buffer.from(syslogFrame(message));
      const space = frame.indexOf(0x20);
      assert.equal(Number(frame.toString('latin1', 0, space)), frame.length - space - 1);
    }),
  );
});
