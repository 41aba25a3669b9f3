import { Fault } from '../../kernel/fault.ts';
import { fromBase64 } from '../../kernel/bytes.ts';

/** What HTTP Basic authentication carries (RFC 7617 §2). */
export interface BasicCredential {
  readonly user: string;
  readonly password: string;
}

const longest = 1_024;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads an Authorization header; null when there is none. Throws Fault `join_token_invalid` when it is not Basic. */
export function readBasic(header: string | null): BasicCredential | null {
  if (header === null) return null;
  const encoded = header.length <= longest ? /^basic +([A-Za-z0-9+/=]+) *$/i.exec(header)?.[1] : undefined;
  const octets = encoded === undefined ? null : fromBase64(encoded);
  const text = octets && readUtf8(octets);
  // RFC 7617 §2: the user name ends at the first colon.
  const colon = text?.indexOf(':') ?? -1;
  if (!text || colon < 1) {
    throw new Fault(
      'join_token_invalid',
      'The Authorization header is not one of HTTP Basic: the name as user, the join token as password.',
    );
  }
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function readUtf8(octets: Uint8Array): string | null {
  try {
    return decoder.decode(octets);
  } catch {
    return null;
  }
}
