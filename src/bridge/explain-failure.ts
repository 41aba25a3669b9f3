import { type Failure, failureOf } from '../http/failure.ts';
import { isJsonObject, type Json } from '../kernel/canonical-json.ts';
import { type FaultCode, faultCodes } from '../kernel/fault-codes.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import type { Certificate } from '../x509/certificate.ts';

/** What is known when an exchange fails. */
export interface Circumstances {
  /** Whom it was with, such as 'the gateway https://gateway.example.internal:8443'. */
  readonly place: string;
  /** What was presented. */
  readonly leaf: Pick<Certificate, 'notAfter'> | null;
  /** Whether a certificate of ours is never shown there. */
  readonly bare?: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** One line: what happened, why, what to do. The fault's own code and words are kept when they say it already. */
export function explainFailure(error: unknown, { place, leaf, now, bare = false }: Circumstances): Fault {
  const fault = toFault(error);
  if (fault.cause === undefined && fault.code !== 'timed_out') return fault;
  const failure = failureOf(fault.cause);
  if (leaf && now > leaf.notAfter && (failure.kind === 'broken' || failure.kind === 'unwelcome')) {
    const ended = new Date(leaf.notAfter).toISOString();
    return new Fault(
      'certificate_expired',
      `${place} refused us: our certificate ended at ${ended}. ${enrolAgain}`,
      {
        cause: fault.cause,
      },
    );
  }
  const [code, what, advice] = explain(fault, failure, bare);
  return new Fault(code, `${place} ${what} ${advice}`, { cause: fault.cause });
}

const enrolAgain = 'Ask for a new join token and start once with --join-token-file.';

function explain(fault: Fault, failure: Failure, bare: boolean): readonly [FaultCode, string, string] {
  switch (fault.code) {
    case 'gateway_untrusted':
      return [
        'gateway_untrusted',
        `is not trusted: ${failure.text}.`,
        bare
          ? 'Check the address, and --ca.'
          : 'Check the address, and --ca or the root in the state folder.',
      ];
    case 'identity_refused':
      return alert(failure.text);
    case 'timed_out':
      return [
        'gateway_unreachable',
        `did not answer: ${failure.text}.`,
        'Check that it runs, and the way to it.',
      ];
    case 'unavailable':
      return unreachable(failure, bare);
    default:
      return [fault.code, `failed: ${fault.message}`, ''];
  }
}

function unreachable(failure: Failure, bare: boolean): readonly [FaultCode, string, string] {
  const advice =
    failure.kind === 'unreachable' || bare
      ? 'Check the address and that it runs.'
      : 'Check that it runs, and whether our certificate is revoked or of another authority.';
  return ['gateway_unreachable', `cannot be reached: ${failure.text}.`, advice];
}

/** RFC 8446 §6.2: what a peer says of our certificate. */
const alerts: readonly (readonly [RegExp, FaultCode, string, string])[] = [
  [/CERTIFICATE_EXPIRED/, 'certificate_expired', 'says that our certificate has expired.', enrolAgain],
  [/CERTIFICATE_REVOKED/, 'certificate_revoked', 'says that our certificate is revoked.', enrolAgain],
  [
    /UNKNOWN_CA/,
    'identity_refused',
    'does not know the authority of our certificate.',
    'Check that gateway and authority belong together.',
  ],
];

function alert(text: string): readonly [FaultCode, string, string] {
  const known = alerts.find(([pattern]) => pattern.test(text));
  if (known) return [known[1], known[2], known[3]];
  return [
    'identity_refused',
    `did not accept us: ${text}.`,
    'Check that the certificate is of its authority.',
  ];
}

/** The code and words of an answer that is not what was asked for: a problem document or a JSON-RPC error. */
export function explainStatus(status: number, body: Uint8Array, place: string): Fault {
  const { code, detail } = readProblem(body);
  const known = code !== null && Object.hasOwn(faultCodes, code) ? (code as FaultCode) : byStatus(status);
  return new Fault(known, detail ?? `${place} answered HTTP ${status}.`);
}

function byStatus(status: number): FaultCode {
  if (status === 401 || status === 403) return 'identity_refused';
  return status === 404 ? 'not_found' : 'unavailable';
}

function readProblem(body: Uint8Array): { readonly code: string | null; readonly detail: string | null } {
  let value: Json = null;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8')) as Json;
  } catch {
    return { code: null, detail: null };
  }
  if (!isJsonObject(value)) return { code: null, detail: null };
  const error = value['error'];
  if (isJsonObject(error)) {
    const data = isJsonObject(error['data']) ? error['data'] : {};
    return { code: text(data['code']), detail: text(error['message']) };
  }
  return { code: text(value['code']), detail: text(value['detail']) };
}

function text(value: Json | undefined): string | null {
  // One line, of a length a person reads.
  return typeof value === 'string' ? value.replace(/\s+/g, ' ').slice(0, 1000) : null;
}
