import { generateKeyPairSync } from 'node:crypto';
import { certify } from '../src/ca/certify.ts';
import { memoryAuthority } from '../src/ca/memory-authority.ts';
import { pemOfCertificate } from '../src/ca/pem-of-certificate.ts';
import { specimenOrder, specimenRequest } from '../src/ca/specimen-request.ts';
import { steppedClock } from '../src/kernel/clock.ts';
import type { Presented } from './raw-request.ts';

/** A certificate for an agent's name, faultless but for one thing: an authority of somebody else's issued it. */
export async function foreignCertificate(name: string, ca: string): Promise<Presented> {
  const authority = memoryAuthority({ clock: steppedClock(Date.now()) });
  authority.agentStates.set(name, 'active');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = specimenRequest(name, {}, privateKey);
  const { der } = await certify(specimenOrder({ evidence: { name }, request }), authority);
  return {
    ca,
    cert: pemOfCertificate(der) + pemOfCertificate(authority.issuer.certificate.der),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}
