import { openStore } from '../../src/app/store/open-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { reserved } from '../contracts/certificate-records.contract.ts';

// Reserves and completes certificates without end, and says on stdout what it was told is durable. To be killed.
const [file = '', round = '', prefix = ''] = process.argv.slice(2);
const store = await openStore({ file, clock: systemClock });
for (let at = 0; ; at++) {
  const serial = `${prefix}${at.toString(16).padStart(6, '0')}`;
  await store.certificates.reserve(reserved({ serial, name: `round-${round}`, reservedAt: at }));
  process.stdout.write(`reserved ${serial}\n`);
  await store.certificates.complete(serial, new Uint8Array(900).fill(at));
  process.stdout.write(`issued ${serial}\n`);
}
