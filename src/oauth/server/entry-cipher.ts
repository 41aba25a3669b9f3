import { createHmac, hkdfSync, type KeyObject } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { createSeal, type Seal } from '../../kernel/seal.ts';

/**
 * Keeps what the authorization server stores from whoever reads the store: an id is the very token or code, so it is
 * stored as a keyed hash, and the content is encrypted and bound to its place.
 */
export interface EntryCipher {
  hash(model: string, id: string): string;
  /** `id`: the hashed one. */
  seal(model: string, id: string, content: object): string;
  /** Null for anything that was not sealed for this place. */
  open(model: string, id: string, sealed: string): JsonObject | null;
  /** For small secrets that are kept beside. */
  readonly secrets: Seal;
}

/** Longest sealed content that is opened, in characters; a pushed request with its details stays far below. */
const longestContent = 1_048_576;

/** A cipher whose keys depend on a private key of the authority, so that none has to be stored. */
export function entryCipher(key: KeyObject): EntryCipher {
  const material = key.export({ type: 'pkcs8', format: 'der' });
  const derive = (purpose: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', material, '', `countersign oauth ${purpose}`, 32));
  const hashing = derive('ids');
  const contents = createSeal(derive('entries'), longestContent);
  return {
    hash: (model, id) => createHmac('sha256', hashing).update(`${model}\0${id}`).digest('base64url'),
    seal: (model, id, content) => contents.seal(JSON.stringify(content), [model, id]),
    open(model, id, sealed) {
      const text = contents.open(sealed, [model, id]);
      const value = text === null ? null : (JSON.parse(text) as Json);
      return value !== null && isJsonObject(value) ? value : null;
    },
    secrets: createSeal(derive('keys')),
  };
}
