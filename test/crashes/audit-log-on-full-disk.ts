import { openLog } from '../../src/audit/log.fixture.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Fault } from '../../src/kernel/fault.ts';

// Appends until it is refused, says so, and ends when it can write again.
const [folder = ''] = process.argv.slice(2);
await using log = await openLog(folder, { clock: systemClock });
for (let full = false; !full || !log.health().writable; ) {
  try {
    const { index } = await log.append({ type: 'call.permitted', text: 'x'.repeat(999) });
    process.stdout.write(`kept ${index}\n`);
  } catch (error) {
    if (!full) process.stdout.write(`${error instanceof Fault ? error.code : String(error)}\n`);
    full = true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
