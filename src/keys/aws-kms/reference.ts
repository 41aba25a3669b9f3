import { invalid, readParameters, writeParameters } from '../reference-parts.ts';

/** A key of AWS KMS. Credentials are never part of it: they come the way every AWS program gets them. */
export interface AwsKmsReference {
  readonly kind: 'aws-kms';
  /** A key id, a key ARN, an alias or an alias ARN. */
  readonly key: string;
  readonly region: string;
  /** Another address than AWS's own, such as a VPC endpoint. */
  readonly endpoint: string | null;
  /** Of the shared AWS configuration files. */
  readonly profile: string | null;
}

const known = ['region', 'endpoint', 'profile'];
const keyId = /^(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const alias = /^alias\/[\w/-]{1,250}$/;
const arn = /^arn:aws[\w-]*:kms:([\w-]+):\d{12}:(?:key|alias)\/[\w/-]+$/;

/**
 * Reads what follows `aws-kms:`: a key ARN, or a key id or `alias/NAME` with `?region=…`. Throws Fault `invalid_input`.
 */
export function readAwsKmsReference(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): AwsKmsReference {
  const at = text.indexOf('?');
  const key = at < 0 ? text : text.slice(0, at);
  const given = readParameters(at < 0 ? '' : text.slice(at + 1), known);
  const ofArn = arn.exec(key)?.[1];
  if (ofArn === undefined && !keyId.test(key) && !alias.test(key)) {
    throw invalid('after aws-kms: stands a key ARN, a key id, or alias/NAME');
  }
  if (ofArn !== undefined && given['region'] !== undefined && given['region'] !== ofArn) {
    throw invalid(`its region ${given['region']} is not the one of the ARN`);
  }
  const region = ofArn ?? given['region'] ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'];
  if (region === undefined) throw invalid('it names no region; add ?region=… or set AWS_REGION');
  if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(region)) throw invalid(`${region} is not the name of an AWS region`);
  return {
    kind: 'aws-kms',
    key,
    region,
    endpoint: readEndpoint(given['endpoint'] ?? environment['AWS_ENDPOINT_URL_KMS']),
    profile: given['profile'] ?? environment['AWS_PROFILE'] ?? null,
  };
}

/** The text that `readKeyReference` reads again, without help of the environment. */
export function writeAwsKmsReference(reference: AwsKmsReference): string {
  const query = writeParameters({
    region: arn.test(reference.key) ? undefined : reference.region,
    endpoint: reference.endpoint ?? undefined,
    profile: reference.profile ?? undefined,
  });
  return `aws-kms:${reference.key}${query === '' ? '' : `?${query}`}`;
}

/** Requests are signed and hold digests only; still, plain HTTP lets anybody on the way answer. */
function readEndpoint(text: string | undefined): string | null {
  if (text === undefined) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url?.hostname ?? '');
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback)) return url.origin;
  throw invalid('its endpoint must be https://host:port; http is for 127.0.0.1 alone');
}
