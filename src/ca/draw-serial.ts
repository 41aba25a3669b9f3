import { toHex } from '../kernel/bytes.ts';
import { randomBytes } from '../kernel/random.ts';

/**
 * A serial number of 16 octets, lowercase hex. RFC 5280 §4.1.2.2 wants it positive and at most 20 octets: the top bit is
 * clear. The first octet is never zero, so the DER of every serial is equally long. 126 bits and more are random.
 */
export function drawSerial(draw: (size: number) => Uint8Array = randomBytes): string {
  for (;;) {
    const octets = draw(16);
    const first = (octets[0] ?? 0) & 0x7f;
    if (first === 0) continue;
    octets[0] = first;
    return toHex(octets);
  }
}
