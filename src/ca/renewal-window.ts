import { createHmac } from 'node:crypto';

/** When a certificate should be renewed: the window, and this certificate's own moment in it. Epoch milliseconds. */
export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
  readonly at: number;
}

const shortLife = 10 * 24 * 60 * 60 * 1000;
const width = 0.15;

/**
 * The window is 15 % of the life wide and centred at half of it, or at two thirds for lives of ten days and more
 * (RFC 9773 §4.2 leaves the choice to the authority). The moment is HMAC-SHA256 of the serial, under `secret` or under
 * the serial itself, so that a fleet spreads out and a restart does not draw again.
 */
export function renewalWindow(
  certificate: { readonly serial: string; readonly notBefore: number; readonly notAfter: number },
  secret?: Uint8Array,
): RenewalWindow {
  const { notBefore, notAfter } = certificate;
  const serial = Buffer.from(certificate.serial, 'hex');
  const life = notAfter - notBefore;
  const centre = life < shortLife ? 1 / 2 : 2 / 3;
  const start = Math.round(notBefore + life * (centre - width / 2));
  const end = Math.round(notBefore + life * (centre + width / 2));
  const digest = createHmac('sha256', secret ?? serial)
    .update('renewal window')
    .update(serial)
    .digest();
  const fraction = digest.readUIntBE(0, 6) / 2 ** 48;
  return { start, end, at: Math.floor(start + fraction * (end - start)) };
}
