import { z } from 'zod';
import type { LogReader } from '../../audit/log-reader.ts';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Authority } from '../authority/authority.ts';
import { type Operation, operation } from './operation.ts';

const size = z.number().int().nonnegative();

/** What others need to verify the log of the authority, without its folder. */
export const logOperations: readonly Operation[] = [
  // Whoever follows the log has to see every line of it: an entry that is only a hash could be an issuance kept back.
  operation(
    'log.read',
    false,
    z.strictObject({ from: size.default(0), known: size.default(0) }),
    ({ issuanceLog }, input) => readLog(issuanceLog, input),
  ),
  operation(
    'certificate.prove',
    false,
    z.strictObject({
      serial: z.string().regex(/^[0-9a-fA-F]{1,42}$/, 'must be a serial number in hex'),
      known: size.nullable().default(null),
    }),
    (authority, input) => prove(authority, input.serial.toLowerCase(), input.known),
  ),
];

/** Lines of a log with what shows that they are the ones that its newest checkpoint signs. */
export async function readLog(
  log: LogReader,
  { from, known }: { readonly from: number; readonly known: number },
): Promise<Json> {
  const head = await log.head();
  const covered = head.checkpoint.size;
  const { lines, end } = await log.page(from, covered);
  return plain({
    origin: log.origin,
    publicKey: log.publicKey.export({ type: 'spki', format: 'pem' }),
    checkpoint: head.note,
    // Who knows of more than there is has to be told so by the checkpoint, not by a fault.
    sinceKnown: known > covered ? [] : await log.consistency(known, head),
    lines,
    sinceLines: end > covered ? [] : await log.consistency(end, head),
  });
}

async function prove(authority: Authority, serial: string, known: number | null): Promise<Json> {
  const { store, issuanceLog } = authority;
  const record = await store.certificates.find(serial);
  if (!record?.der) {
    throw new Fault(
      'not_found',
      `No certificate with the serial ${serial} was issued here. See: countersign cert list`,
    );
  }
  refuseOthers(record, authority);
  const head = await issuanceLog.head();
  const entry = await issuanceLog.find(
    record.reservedAt,
    serial,
    ({ event }) => event.type === 'certificate.issued' && event['serial'] === serial,
  );
  if (!entry) {
    throw new Fault(
      'not_found',
      `The issuance of ${serial} is not in the log of this authority. It may stand in an older log that was moved away.`,
    );
  }
  const path = known === null ? [] : await issuanceLog.consistency(known, head);
  return plain({
    certificate: pemOfCertificate(record.der),
    ...(await issuanceLog.prove(entry.index, head)),
    consistency: known === null ? null : { size: known, path },
  });
}

/** Each authority of a store has a log of its own. */
function refuseOthers({ serial, instance = null }: CertificateRecord, { peers }: Authority): void {
  if (instance === null || instance === peers.self) return;
  const peer = peers.list().find(({ id }) => id === instance);
  const who = peer ? `the authority ${peer.name}` : `another authority (${instance})`;
  const where = peer && peer.url !== '' ? ` Ask there: --authority ${peer.url}` : '';
  throw new Fault('not_found', `The certificate ${serial} was issued by ${who}, and is in its log.${where}`);
}

function plain(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
