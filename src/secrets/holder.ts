import { assertNever } from '../kernel/assert-never.ts';
import { isJsonObject, type Json } from '../kernel/canonical-json.ts';
import type { AwsSecret, HeldElsewhere, KubernetesSecret, VaultSecret } from './reference.ts';

/** What a holder gave. */
export interface Leased {
  /** The members that are text or numbers. */
  readonly fields: ReadonlyMap<string, string>;
  /** All of it as one text, where the holder knows it as that. */
  readonly whole: string | null;
  /** How long it is good for, when the holder says so. */
  readonly lease: Lease | null;
}

/** A secret that ends by itself unless it is renewed. */
export interface Lease {
  readonly id: string;
  /** From when the holder was asked. */
  readonly milliseconds: number;
  readonly renewable: boolean;
}

/**
 * Another program that holds secrets. Its faults are `unavailable` or `timed_out` for what may pass, and others for what
 * will not; their text has nothing in it that the holder wrote, which may be a value. That may stand in their cause.
 */
export interface SecretHolder<Place> extends AsyncDisposable {
  read(place: Place, signal: AbortSignal): Promise<Leased>;
  /** Returns for how long it is good now, in milliseconds. */
  renew?(lease: Lease, signal: AbortSignal): Promise<number>;
  /** Ends what was leased before its time. */
  revoke?(lease: Lease, signal: AbortSignal): Promise<void>;
}

/** Who is asked for which kind of reference. */
export interface SecretHolders {
  readonly vault?: SecretHolder<VaultSecret>;
  readonly 'aws-sm'?: SecretHolder<AwsSecret>;
  readonly k8s?: SecretHolder<KubernetesSecret>;
}

/** What a value is a field of: references with the same source are read together, and share a lease. */
export function sourceOf(place: HeldElsewhere): string {
  switch (place.kind) {
    case 'vault':
      return `vault:${place.path}${place.version === null ? '' : `?version=${place.version}`}`;
    case 'aws-sm': {
      const stage = place.stage === null ? [] : [`stage=${place.stage}`];
      const version = place.version === null ? [] : [`version=${place.version}`];
      const query = [...stage, ...version].join('&');
      return `aws-sm:${place.id}${query === '' ? '' : `?${query}`}`;
    }
    case 'k8s':
      return `k8s:${place.namespace}/${place.name}`;
    default:
      return assertNever(place);
  }
}

/** The members of an object that a header or variable can be made of. */
export function textFields(json: Json | undefined): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of isJsonObject(json) ? Object.entries(json) : []) {
    if (typeof value === 'string') fields.set(name, value);
    // A port beside a password, for instance.
    if (typeof value === 'number' && Number.isSafeInteger(value)) fields.set(name, String(value));
  }
  return fields;
}
