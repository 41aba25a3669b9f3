import { openPostgresStore } from '../../src/app/store/open-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { reserved } from '../contracts/certificate-records.contract.ts';

/**
 * Reserves and completes certificates without end in a PostgreSQL, and says on stdout what it was told is durable; or, asked to be
 * silent, says that it is in the midst of a write and then nothing more. To be killed.
 */
const [port = '', database = '', prefix = '', way = ''] = process.argv.slice(2);
const place = {
  hosts: [{ host: '127.0.0.1', port: Number(port) }],
  database,
  user: 'countersign',
  password: null,
  tls: null,
};
const opening = { place, clock: systemClock, log: () => undefined };
const store = await openPostgresStore({ ...opening, missing: 'refuse' }).catch((error: unknown) => {
  if (!(error instanceof Fault) || error.code !== 'authority_missing') throw error;
  return openPostgresStore({ ...opening, missing: 'create' });
});
if (way === 'silent') {
  await store.partners.put('silent', () => {
    process.stdout.write('writing\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_600_000);
    throw new Error('never');
  });
}
for (let at = 0; ; at++) {
  const serial = `${prefix}${at.toString(16).padStart(6, '0')}`;
  try {
    await store.certificates.reserve(reserved({ serial, name: `round-${prefix}`, reservedAt: at }));
    process.stdout.write(`reserved ${serial}\n`);
    await store.certificates.complete(serial, new Uint8Array(900).fill(at));
    process.stdout.write(`issued ${serial}\n`);
  } catch (error) {
    // While the database is away. One that has lost something is what the test is about.
    if (error instanceof Fault && error.code === 'state_damaged') throw error;
  }
}
