import { createHmac } from 'node:crypto';

const shortLife = 10 * 24 * 60 * 60 * 1000;
const width = 0.15;

/**
 * When a certificate is to be renewed, in epoch milliseconds: in a window 15 % of its life wide, centred at half of it
 * (two thirds for ten days and more), at HMAC-SHA256 of its serial. The authority reckons the same, so a restart
 * does not draw again and agents do not come all at once.
 */
export function renewalMoment(leaf: {
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
}): number {
  const serial = Buffer.from(leaf.serial, 'hex');
  const life = leaf.notAfter - leaf.notBefore;
  const centre = life < shortLife ? 1 / 2 : 2 / 3;
  const start = Math.round(leaf.notBefore + life * (centre - width / 2));
  const end = Math.round(leaf.notBefore + life * (centre + width / 2));
  const digest = createHmac('sha256', serial).update('renewal window').update(serial).digest();
  return Math.floor(start + (digest.readUIntBE(0, 6) / 2 ** 48) * (end - start));
}
