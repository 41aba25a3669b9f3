import { openLog } from '../../src/audit/log.fixture.ts';

// Appends in bunches without end, and says on stdout which entries it was told are durable. To be killed.
const [folder = '', round = ''] = process.argv.slice(2);
const log = await openLog(folder, { segmentEntries: 40, checkpointEvery: 25 });
for (let at = 0; ; at++) {
  const bunch = Array.from({ length: 1 + (at % 5) }, async (_, part) => {
    const id = `${round}-${at}-${part}`;
    const { index } = await log.append({ type: 'call.permitted', id, text: 'x'.repeat((at * 97) % 5_000) });
    process.stdout.write(`${index} ${id}\n`);
  });
  await Promise.all(bunch);
}
