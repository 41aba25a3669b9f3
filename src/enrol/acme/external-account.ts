import { createHmac, hkdfSync, type KeyObject } from 'node:crypto';
import { toBase64url } from '../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { type AccountKey, readAccountKey } from './account-key.ts';
import { readJws, verifiesMac } from './jws.ts';

/** Makes the MAC keys of external account bindings from their ids, so that none has to be stored. */
export type BindingSecrets = (id: string) => Uint8Array;

/** Secrets that depend on a private key of the authority: whoever reads the store cannot open an account with it. */
export function bindingSecrets(key: KeyObject): BindingSecrets {
  const material = key.export({ type: 'pkcs8', format: 'der' });
  const root = new Uint8Array(hkdfSync('sha256', material, '', 'countersign acme external account', 32));
  return (id) => createHmac('sha256', root).update(id).digest();
}

/** The text of a MAC key as ACME clients take it. */
export function bindingText(id: string, secrets: BindingSecrets): string {
  return toBase64url(secrets(id));
}

/**
 * The id of the binding that a new account shows, once its MAC and everything in it holds (RFC 8555 §7.3.4). Whether
 * the binding may still be used is for the records to say. Throws Fault `binding_refused`.
 */
export function readBinding(
  value: Json,
  expected: { readonly url: string; readonly key: AccountKey; readonly secrets: BindingSecrets },
): string {
  try {
    const jws = readJws(value);
    const { kid, url, nonce } = jws.header;
    if (typeof kid !== 'string' || !/^[A-Za-z0-9_-]{22}$/.test(kid)) throw refused('its kid is no key id');
    if (!verifiesMac(jws, expected.secrets(kid))) {
      throw refused('its MAC (HS256) does not verify');
    }
    if (url !== expected.url) throw refused('it is for another URL');
    if (nonce !== undefined) throw refused('it has a nonce');
    if (!isSameKey(parseJson(jws.payload), expected.key)) throw refused('it is for another account key');
    return kid;
  } catch (error) {
    const fault = toFault(error);
    throw fault.code === 'binding_refused' ? fault : refused(fault.message.replace(/\.$/, ''), fault);
  }
}

function isSameKey(value: Json, key: AccountKey): boolean {
  return isJsonObject(value) && readAccountKey(value).thumbprint === key.thumbprint;
}

function refused(why: string, cause?: unknown): Fault {
  return new Fault(
    'binding_refused',
    `The external account binding is not accepted: ${why}. Ask an administrator for a key: countersign acme-key create.`,
    { cause },
  );
}
