import { Fault } from '../kernel/fault.ts';
import { suggest } from '../kernel/suggest.ts';

/** A secret of Vault or OpenBao: a field of what a path below /v1/ gives. */
export interface VaultSecret {
  readonly kind: 'vault';
  readonly path: string;
  /** Of the key-value engine; null is the newest. */
  readonly version: number | null;
  readonly field: string;
}

/** A secret of AWS Secrets Manager, or one member of it. */
export interface AwsSecret {
  readonly kind: 'aws-sm';
  /** Its name or ARN. */
  readonly id: string;
  readonly stage: string | null;
  readonly version: string | null;
  /** Null is the whole text. */
  readonly field: string | null;
}

/** One key of a secret of Kubernetes. */
export interface KubernetesSecret {
  readonly kind: 'k8s';
  readonly namespace: string;
  readonly name: string;
  readonly field: string;
}

/** Where a value is that another program holds. */
export type HeldElsewhere = VaultSecret | AwsSecret | KubernetesSecret;

/** Where a value comes from. */
export type SecretReference =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | HeldElsewhere;

const readers: ReadonlyMap<string, (rest: string, text: string) => SecretReference> = new Map([
  ['env', readEnvironment],
  ['file', readFile],
  ['vault', readVault],
  ['aws-sm', readAws],
  ['k8s', readKubernetes],
]);

/**
 * Reads `env:NAME`, `file:/path`, `vault:kv/data/github#token`, `aws-sm:name#key` or `k8s:namespace/name#key`; any other text is a
 * plain value. A text that begins like a reference and is none is refused, or a slip would send the reference itself as
 * the credential. Throws Fault `invalid_input`.
 */
export function parseReference(
  text: string,
): SecretReference | { readonly kind: 'plain'; readonly value: string } {
  const end = text.indexOf(':');
  const reader = end < 0 ? undefined : readers.get(text.slice(0, end));
  return reader ? reader(text.slice(end + 1), text) : { kind: 'plain', value: text };
}

/** A part of a value: text as it is, or a reference that stands for a secret, with how it was written. */
export type ValuePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'secret'; readonly text: string; readonly reference: SecretReference };

/**
 * Reads a value that is a reference as a whole, or has references in `${…}` between other text, such as
 * `Bearer ${vault:kv/data/github#token}`. `${NAME}` without a colon is text. Throws Fault `invalid_input`.
 */
export function parseValue(text: string): readonly ValuePart[] {
  const whole = parseReference(text);
  if (whole.kind !== 'plain') return [{ kind: 'secret', text, reference: whole }];
  const parts: ValuePart[] = [];
  let at = 0;
  for (const found of text.matchAll(/\$\{([a-z][a-z0-9-]*):([^}]*)(\}?)/g)) {
    const [matched, kind = '', rest = '', close] = found;
    const written = `${kind}:${rest}`;
    const reader = readers.get(kind);
    if (!reader) throw new Fault('invalid_input', `\${${kind}:…} is no secret reference.${near(kind)}`);
    if (close === '') throw new Fault('invalid_input', `The secret reference ${written} has no } after it.`);
    if (found.index > at) parts.push({ kind: 'text', text: text.slice(at, found.index) });
    parts.push({ kind: 'secret', text: written, reference: reader(rest, written) });
    at = found.index + matched.length;
  }
  if (at < text.length || parts.length === 0) parts.push({ kind: 'text', text: text.slice(at) });
  return parts;
}

/** Whether a value holds a secret that is kept elsewhere. Throws Fault `invalid_input`. */
export function hasReference(text: string): boolean {
  return parseValue(text).some(({ kind }) => kind === 'secret');
}

function near(kind: string): string {
  const nearest = suggest(kind, [...readers.keys()]);
  return nearest === null ? ` Known are ${[...readers.keys()].join(', ')}.` : ` Did you mean ${nearest}?`;
}

function readEnvironment(name: string, text: string): SecretReference {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return { kind: 'env', name };
  throw new Fault('invalid_input', `The secret reference ${text} does not name an environment variable.`);
}

function readFile(path: string, text: string): SecretReference {
  if (/^(\/(?!\/)|[A-Za-z]:\\)/.test(path) && !path.includes('\0')) return { kind: 'file', path };
  throw new Fault(
    'invalid_input',
    `The secret reference ${text} does not give an absolute path; write file:/path.`,
  );
}

const segment = /^[A-Za-z0-9._~@+=, -]{1,256}$/;
/** What these give are tokens and names of logins, the gateway's own among them, and not secrets of servers. */
const ownPaths = /^(auth|sys|identity|cubbyhole)\//;

function readVault(rest: string, text: string): VaultSecret {
  const { place, query, field } = split(rest);
  const segments = place.split('/');
  const sound =
    segments.length >= 2 && segments.every((part) => segment.test(part) && part !== '.' && part !== '..');
  if (!sound || field === null) {
    throw invalid(text, 'write vault:PATH#FIELD, such as vault:kv/data/github#token');
  }
  if (ownPaths.test(place))
    throw invalid(text, 'auth/, sys/, identity/ and cubbyhole/ hold no secrets of servers');
  const { version } = readQuery(query, ['version'], text);
  if (version !== undefined && !/^[1-9]\d{0,8}$/.test(version)) {
    throw invalid(text, 'its version must be a number from 1');
  }
  return { kind: 'vault', path: place, version: version === undefined ? null : Number(version), field };
}

const awsName = /^[A-Za-z0-9/_+=.@!-]{1,512}$/;
const awsArn = /^arn:aws[\w-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@!-]{1,512}$/;

function readAws(rest: string, text: string): AwsSecret {
  const { place, query, field } = split(rest);
  if (!awsName.test(place) && !awsArn.test(place)) {
    throw invalid(text, 'write aws-sm:NAME, aws-sm:NAME#KEY or an ARN in place of the name');
  }
  const { stage, version } = readQuery(query, ['stage', 'version'], text);
  for (const given of [stage, version]) {
    if (given !== undefined && !/^[\w+=.@!-]{1,256}$/.test(given)) {
      throw invalid(text, 'its stage or version cannot be one');
    }
  }
  return { kind: 'aws-sm', id: place, stage: stage ?? null, version: version ?? null, field };
}

/** RFC 1123 names, and the keys of a secret (Kubernetes, `ValidateConfigMapKey`). */
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const secretKey = /^[-._a-zA-Z0-9]{1,253}$/;

function readKubernetes(rest: string, text: string): KubernetesSecret {
  const { place, query, field } = split(rest);
  const [namespace = '', name = '', ...more] = place.split('/');
  const sound = label.test(namespace) && subdomain.test(name) && more.length === 0 && query === '';
  if (!sound || field === null || !secretKey.test(field) || field === '.' || field === '..') {
    throw invalid(text, 'write k8s:NAMESPACE/NAME#KEY');
  }
  return { kind: 'k8s', namespace, name, field };
}

/** `place?query#field` */
function split(rest: string): {
  readonly place: string;
  readonly query: string;
  readonly field: string | null;
} {
  const hash = rest.indexOf('#');
  const field = hash < 0 ? null : rest.slice(hash + 1);
  const before = hash < 0 ? rest : rest.slice(0, hash);
  const mark = before.indexOf('?');
  return {
    place: mark < 0 ? before : before.slice(0, mark),
    query: mark < 0 ? '' : before.slice(mark + 1),
    // Anything printable: names of fields are the holder's matter.
    field: field !== null && /^[\x20-\x7e]{1,256}$/.test(field) ? field : null,
  };
}

function readQuery(query: string, known: readonly string[], text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const part of query === '' ? [] : query.split('&')) {
    const [name = '', ...value] = part.split('=');
    if (!known.includes(name) || name in found || value.length === 0) {
      throw invalid(text, `after ? stand ${known.map((one) => `${one}=…`).join(' and ')}, once each`);
    }
    found[name] = value.join('=');
  }
  return found;
}

function invalid(text: string, why: string): Fault {
  return new Fault('invalid_input', `The secret reference ${text.slice(0, 300)} cannot be used: ${why}.`);
}
