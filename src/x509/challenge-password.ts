import { tags } from './der.ts';
import { malformed, readElement, readElements, readOid, SequenceReader } from './der-reader.ts';
import { onlyOne } from './cms-signer.ts';
import { oids } from './oid.ts';

const textTags: readonly number[] = [tags.utf8String, tags.printableString, tags.ia5String, 0x14];

/**
 * The challenge password in a certificate request (RFC 2985 §5.4.1), or null. It is at most 255 visible ASCII characters,
 * in whatever string type a client writes them. Throws Fault `malformed_der`.
 */
export function readChallengePassword(requestDer: Uint8Array): string | null {
  const info = new SequenceReader(new SequenceReader(readElement(requestDer)).next(tags.sequence));
  info.next(tags.integer);
  info.next(tags.sequence);
  info.next(tags.sequence);
  const found: string[] = [];
  for (const attribute of readElements(info.optional(0xa0)?.content ?? new Uint8Array())) {
    const reader = new SequenceReader(attribute);
    const type = readOid(reader.next(tags.oid));
    const values = reader.next(tags.set);
    if (type !== oids.challengePassword) continue;
    const { tag, content } = onlyOne(readElements(values.content), 'challenge password');
    const text = Buffer.from(content).toString('latin1');
    if (!textTags.includes(tag) || !/^[\x20-\x7e]{0,255}$/.test(text)) {
      throw malformed('a challenge password that is not accepted');
    }
    found.push(text);
  }
  if (found.length > 1) throw malformed('two challenge passwords');
  return found[0] ?? null;
}
