import type { AddressPolicy } from '../../http/address-guard.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import type { HolderLimits } from '../holder-limits.ts';
import type { SecretResolver } from '../resolve.ts';

/** How to log in to Vault or OpenBao. Secrets are references. */
export type VaultLogin =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'approle'; readonly mount: string; readonly roleId: string; readonly secretId: string }
  | {
      readonly kind: 'cert';
      readonly mount: string;
      readonly role: string | null;
      readonly certificate: string;
      readonly key: string;
    }
  /** With the certificate of this very process, as of now. */
  | { readonly kind: 'own-certificate'; readonly mount: string; readonly role: string | null }
  /** With the token of a Kubernetes service account, which lies in a file and is replaced there. */
  | {
      readonly kind: 'kubernetes';
      readonly mount: string;
      readonly role: string;
      readonly tokenFile: string;
    };

/** A Vault, and how to log in there. */
export interface VaultPlace {
  /** An origin of https, or of http on this machine. */
  readonly address: string;
  readonly namespace: string | null;
  /** A PEM file with the only authorities that are trusted; null for the system's. */
  readonly authorities: string | null;
  readonly login: VaultLogin;
}

/** What speaking to Vault needs of the world. */
export interface VaultPorts {
  /** Resolves the credentials that a login points to, anew each time they are used. */
  readonly secrets: Pick<SecretResolver, 'resolve'>;
  readonly clock: Clock;
  readonly limits: Pick<HolderLimits, 'attemptMilliseconds'>;
  readonly addresses: AddressPolicy;
  /** The code of a fault that waiting does not mend. */
  readonly refused: FaultCode;
  /** Told of every token that is fetched, with its life in milliseconds, so that it can be cut out of logs. */
  readonly learn?: (secret: string, life: number) => void;
  /** Our own certificate and key in PEM, for the login with it. */
  readonly identity?: () => { readonly certificate: string; readonly key: string };
}
