import { fromBase64 } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';

const longest = 4 * 1024 * 1024;

/** RFC 7468 text of one DER value, lines of 64. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/**
 * Every value of the label in a text; other labels and words around them are passed over (RFC 7468 §2).
 * Throws Fault `malformed_pem` when there is none, or one is not base64.
 */
export function decodePem(text: string, label: string): Uint8Array[] {
  if (text.length > longest) throw new Fault('malformed_pem', 'The PEM text is too long.');
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const found: Uint8Array[] = [];
  for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at)) {
    const from = at + begin.length;
    const to = text.indexOf(end, from);
    const der = to < 0 ? null : fromBase64(text.slice(from, to).replace(/[\r\n\t ]/g, ''));
    if (!der || der.length === 0)
      throw new Fault('malformed_pem', `A block ${label} is cut off or not base64.`);
    found.push(der);
    at = to + end.length;
  }
  if (found.length === 0) throw new Fault('malformed_pem', `The text holds no ${label} in PEM.`);
  return found;
}
