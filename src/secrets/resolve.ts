import { realpath } from 'node:fs/promises';
import { assertNever } from '../kernel/assert-never.ts';
import type { Clock } from '../kernel/clock.ts';
import { readPrivateFile } from '../kernel/durable-file.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { HeldSecret, type SecretEvent } from './held-secret.ts';
import { HolderGate, mayPass, secretLimits } from './holder-gate.ts';
import type { HolderLimits } from './holder-limits.ts';
import { type Leased, type SecretHolder, type SecretHolders, sourceOf } from './holder.ts';
import { LearntValues } from './learnt-values.ts';
import type { Redactor } from './redact.ts';
import { type HeldElsewhere, parseValue, type SecretReference, type ValuePart } from './reference.ts';

/** Turns references into values, at the moment they are needed. */
export interface SecretResolver {
  /**
   * The value of a text with references in it. Throws Fault `secret_unavailable` while a holder does not answer, and
   * `secret_unresolved`; both name the reference and never a value; or `invalid_input`.
   */
  resolve(text: string): Promise<string>;
}

/** The resolver of a gateway, which keeps what it was given in memory. */
export interface Secrets extends SecretResolver, AsyncDisposable {
  /** The value anew, after a server has refused `used`; null when it is no other. Throws as `resolve` does. */
  replaced(text: string, used: string): Promise<string | null>;
  /** Keeps the leases of a text alive for somebody who has its value, such as a child. */
  keep(text: string): Disposable;
  /** For how long the holder of a text gave it, in milliseconds; null when nothing was said. */
  lease(text: string): number | null;
}

export interface SecretResolverOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Learns every value that is handed out. */
  readonly redactor: Pick<Redactor, 'learn' | 'forget'>;
  readonly clock: Clock;
  /** How long a file's value, or one without a lease, is used before it is read again, in milliseconds; 5,000 unless given. */
  readonly holdMilliseconds?: number;
  /** How much longer the last value of a holder is used while it does not answer, in milliseconds; 0 unless given. */
  readonly outageMilliseconds?: number;
  /** Who is asked for references that other programs hold; nobody unless given. They end with the resolver. */
  readonly holders?: SecretHolders;
  readonly limits?: HolderLimits;
  /** Told of a reference whose value is short or plain, so that it is not cut out of answers and logs. */
  readonly onPlain?: (reference: string) => void;
  /** Told what becomes of secrets of holders. */
  readonly tell?: (event: SecretEvent) => void;
}

const largestSecretOctets = 64 * 1024;
/** How long the holders are waited for at the end. */
const endMilliseconds = 3_000;

export function createSecretResolver(options: SecretResolverOptions): Secrets {
  const { environment, redactor, clock, holdMilliseconds = 5_000 } = options;
  const files = new Map<string, { readonly value: string; readonly until: number }>();
  const parsed = new Map<string, readonly ValuePart[]>();
  const elsewhere = createElsewhere(options);
  const learnt = new LearntValues(redactor, clock, options.onPlain);

  const partsOf = (text: string): readonly ValuePart[] => {
    const known = parsed.get(text);
    if (known) return known;
    const parts = parseValue(text);
    // Texts come from definitions; those that are gone are not to stay for ever.
    if (parsed.size >= 10_000) parsed.clear();
    parsed.set(text, parts);
    return parts;
  };
  const fromOwnFile = async (path: string, again: boolean): Promise<string> => {
    const known = files.get(path);
    if (known && !again && clock.monotonic() < known.until) return known.value;
    const value = await fromFile(path);
    files.set(path, { value, until: clock.monotonic() + holdMilliseconds });
    return value;
  };
  const valueOf = async (written: string, reference: SecretReference, again: boolean): Promise<string> => {
    switch (reference.kind) {
      case 'env':
        return fromEnvironment(reference.name, environment);
      case 'file':
        return await fromOwnFile(reference.path, again);
      default:
        return await elsewhere.value(written, reference, again);
    }
  };
  const partValue = async (part: ValuePart, again: boolean): Promise<string> => {
    if (part.kind === 'text') return part.text;
    const value = await valueOf(part.text, part.reference, again);
    learnt.use(part.text, value);
    return value;
  };
  const read = async (text: string, again: boolean): Promise<string> => {
    const parts = partsOf(text);
    const [only] = parts;
    if (only && parts.length === 1) return await partValue(only, again);
    return (await Promise.all(parts.map((part) => partValue(part, again)))).join('');
  };
  const heldIn = (text: string): HeldSecret[] =>
    partsOf(text).flatMap((part) =>
      part.kind === 'secret' && part.reference.kind !== 'env' && part.reference.kind !== 'file'
        ? [elsewhere.find(part.text, part.reference)]
        : [],
    );

  return {
    resolve: (text) => read(text, false),
    async replaced(text, used) {
      const now = await read(text, false);
      // Somebody else has had it read again meanwhile.
      if (now !== used) return now;
      const next = await read(text, true);
      return next === used ? null : next;
    },
    keep(text) {
      const kept = heldIn(text).map((one) => one.keep());
      return { [Symbol.dispose]: () => kept.forEach((one) => one[Symbol.dispose]()) };
    },
    lease: (text) =>
      heldIn(text).reduce<number | null>((least, one) => {
        const life = one.lease();
        return life === null ? least : Math.min(life, least ?? life);
      }, null),
    [Symbol.asyncDispose]: () => elsewhere.end(),
  };
}

interface Elsewhere {
  find(written: string, reference: HeldElsewhere): HeldSecret;
  value(written: string, reference: HeldElsewhere, again: boolean): Promise<string>;
  end(): Promise<void>;
}

/** The secrets of other programs that are in memory, and the ways to those programs. */
function createElsewhere(options: SecretResolverOptions): Elsewhere {
  const { clock, holders = {}, limits = secretLimits, tell = () => undefined } = options;
  const { holdMilliseconds = 5_000, outageMilliseconds = 0 } = options;
  const gates = new Map<string, HolderGate>();
  const held = new Map<string, HeldSecret>();
  /** By the references themselves, so that a call need not take one apart. */
  const byText = new Map<string, HeldSecret>();

  const gateOf = (kind: HeldElsewhere['kind']): HolderGate => {
    const known = gates.get(kind);
    if (known) return known;
    const gate = new HolderGate(settings[kind].called, clock, limits);
    gates.set(kind, gate);
    return gate;
  };
  const open = <Place extends HeldElsewhere>(holder: SecretHolder<Place>, place: Place): HeldSecret => {
    const gate = gateOf(place.kind);
    const { renew } = holder;
    return new HeldSecret({
      source: sourceOf(place),
      clock,
      holdMilliseconds,
      outageMilliseconds,
      read: () => gate.run((signal) => holder.read(place, signal)),
      renew: renew ? (lease) => gate.run((signal) => renew.call(holder, lease, signal)) : null,
      revoke: async (lease) => await holder.revoke?.(lease, AbortSignal.timeout(endMilliseconds)),
      tell,
    });
  };
  const find = (written: string, reference: HeldElsewhere): HeldSecret => {
    const named = byText.get(written);
    if (named) return named;
    const source = sourceOf(reference);
    const secret = held.get(source) ?? openIn(holders, reference, open);
    if (!secret) throw notConfigured(written, reference.kind);
    held.set(source, secret);
    byText.set(written, secret);
    return secret;
  };

  return {
    find,
    async value(written, reference, again) {
      const secret = find(written, reference);
      try {
        const leased = again ? secret.again() : secret.current();
        return fieldOf(leased instanceof Promise ? await leased : leased, reference);
      } catch (error) {
        throw named(written, error);
      }
    },
    async end() {
      await Promise.all([...held.values()].map((secret) => secret.end()));
      held.clear();
      byText.clear();
      const all = [holders.vault, holders['aws-sm'], holders.k8s];
      await Promise.allSettled(all.map(async (holder) => await holder?.[Symbol.asyncDispose]()));
    },
  };
}

const settings: Readonly<
  Record<HeldElsewhere['kind'], { readonly called: string; readonly setting: string }>
> = {
  vault: { called: 'Vault', setting: 'secrets.vault.address' },
  'aws-sm': { called: 'AWS Secrets Manager', setting: 'secrets.aws.region' },
  k8s: { called: 'the Kubernetes API', setting: 'secrets.kubernetes.address' },
};

function openIn(
  holders: SecretHolders,
  place: HeldElsewhere,
  open: <Place extends HeldElsewhere>(holder: SecretHolder<Place>, place: Place) => HeldSecret,
): HeldSecret | null {
  switch (place.kind) {
    case 'vault':
      return holders.vault ? open(holders.vault, place) : null;
    case 'aws-sm':
      return holders['aws-sm'] ? open(holders['aws-sm'], place) : null;
    case 'k8s':
      return holders.k8s ? open(holders.k8s, place) : null;
    default:
      return assertNever(place);
  }
}

function notConfigured(written: string, kind: HeldElsewhere['kind']): Fault {
  const { called, setting } = settings[kind];
  return new Fault(
    'secret_unresolved',
    `${written}: ${called} is not asked for secrets here; the setting ${setting} says where it is.`,
  );
}

function fieldOf(leased: Leased, { field }: HeldElsewhere): string {
  const value = field === null ? leased.whole : leased.fields.get(field);
  if (value === undefined || value === null || value === '') {
    const what = field === null ? 'is no text' : `has no text in ${field}`;
    throw new Fault('secret_unresolved', `The secret ${what}.`);
  }
  if (Buffer.byteLength(value) > largestSecretOctets) {
    throw new Fault('secret_unresolved', `It is larger than ${largestSecretOctets} octets.`);
  }
  return value;
}

/** Names the reference; what a holder wrote stays in the cause. */
function named(written: string, error: unknown): Fault {
  const retry = error instanceof Fault ? error.retryAfterMilliseconds : null;
  const why = error instanceof Fault ? error.message : 'Its holder did not answer.';
  const more = { cause: error, ...(retry !== null && { retryAfterMilliseconds: retry }) };
  if (mayPass(error)) {
    return new Fault(
      'secret_unavailable',
      `${written} cannot be read now. ${why} The call was not made.`,
      more,
    );
  }
  return new Fault('secret_unresolved', `${written}: ${why}`, more);
}

function fromEnvironment(name: string, environment: SecretResolverOptions['environment']): string {
  const value = environment[name];
  if (value === undefined || value === '') {
    throw new Fault('secret_unresolved', `env:${name}: the environment variable is not set or empty.`);
  }
  return value;
}

async function fromFile(path: string): Promise<string> {
  try {
    // The mode that counts is that of the file a link leads to.
    const octets = await readPrivateFile(await realpath(path));
    if (octets.length > largestSecretOctets)
      throw new Error(`it is larger than ${largestSecretOctets} octets`);
    // Editors and `echo` end a file with a newline that is not part of the secret.
    const value = new TextDecoder('utf-8', { fatal: true }).decode(octets).replace(/\r?\n$/, '');
    if (value === '') throw new Error('it is empty');
    return value;
  } catch (cause) {
    throw new Fault('secret_unresolved', `file:${path}: ${errorText(cause)}`, { cause });
  }
}
