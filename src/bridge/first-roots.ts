import { get } from 'node:https';
import { readFile } from 'node:fs/promises';
import { sha256, toHex } from '../kernel/bytes.ts';
import { isJsonObject } from '../kernel/canonical-json.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { parseJson } from '../kernel/parse-json.ts';
import { failureOf } from '../http/failure.ts';
import { decodePem, encodePem } from '../x509/pem.ts';
import { askAnyAuthority } from './authorities.ts';

/** How the bridge comes to trust an authority it has never seen. */
export interface FirstTrust {
  /** An https URL, or several with commas between. */
  readonly authority: string;
  /** A PEM file, or null. */
  readonly authorityFile: string | null;
  /** `sha256:<hex>` of the root's DER, or null; several with commas between, while a root is being replaced. */
  readonly rootFingerprint: string | null;
}

const longest = 256 * 1024;
const milliseconds = 10_000;

/**
 * The roots to trust, in PEM. Throws Fault `enrolment_needed` when there is nothing to trust by, `gateway_untrusted`
 * when the authority does not show the expected root, `invalid_input`, `not_found` or `unavailable`.
 */
export async function firstRoots(trust: FirstTrust): Promise<string> {
  if (trust.authorityFile !== null) return readRoots(trust.authorityFile);
  if (trust.rootFingerprint === null) {
    throw new Fault(
      'enrolment_needed',
      'The first start needs the root to trust: give --ca-fingerprint sha256:…, as whoever runs the authority tells it, or --ca.',
    );
  }
  const expected = trust.rootFingerprint.split(',').map(readFingerprint);
  const offered = decodePem(await askAnyAuthority(trust.authority, offeredRoots), 'CERTIFICATE');
  const roots = offered.filter((der) => expected.includes(toHex(sha256(der))));
  if (roots.length === 0) {
    throw new Fault(
      'gateway_untrusted',
      `${trust.authority} shows another root than ${expected.map((one) => `sha256:${one}`).join(' or ')}. Compare the fingerprint with the one shown with the join token; if it is right, something answers in the authority's place.`,
    );
  }
  return roots.map((root) => encodePem('CERTIFICATE', root)).join('');
}

/** The roots of a PEM file. Throws Fault `not_found` or `malformed_pem`. */
export async function readRoots(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new Fault('not_found', `The root certificates ${path} cannot be read: ${errorText(cause)}`, {
      cause,
    });
  }
  decodePem(text, 'CERTIFICATE');
  return text;
}

function readFingerprint(text: string): string {
  const digits = text
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  throw new Fault('invalid_input', 'A root fingerprint is sha256: and 64 hexadecimal digits.');
}

/**
 * Asks without verifying whom: what comes back is a public certificate that is held against its fingerprint, and
 * nothing secret is sent. The client of the room `http` always verifies, so it cannot ask this one question.
 */
async function offeredRoots(authority: string): Promise<string> {
  const url = new URL('/v1/trust', authority);
  try {
    const answer = parseJson(await getUnverified(url));
    const roots = isJsonObject(answer) ? answer['roots'] : null;
    if (typeof roots === 'string') return roots;
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'unavailable') throw cause;
    throw new Fault('unavailable', `${url.origin} did not show its roots: ${failureOf(cause).text}.`, {
      cause,
    });
  }
  throw new Fault('unavailable', `${url.origin} does not answer like an authority. Check --authority.`);
}

function getUnverified(url: URL): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const request = get(
      url,
      { rejectUnauthorized: false, agent: false, signal: AbortSignal.timeout(milliseconds) },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > longest) request.destroy(new Error('it answered with too much'));
          else chunks.push(chunk);
        });
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 200) resolve(new Uint8Array(Buffer.concat(chunks)));
          else reject(new Error(`it answered HTTP ${response.statusCode}`));
        });
      },
    );
    request.once('error', reject);
  });
}
