import type { TlsMaterial } from '../../http/exchange.ts';
import { type AddressPolicy, addressRanges } from '../../http/address-guard.ts';
import { assertNever } from '../../kernel/assert-never.ts';
import type { Clock } from '../../kernel/clock.ts';
import { awsCredentials } from '../../secrets/aws/credentials.ts';
import { createSecretsManager } from '../../secrets/aws/secrets-manager.ts';
import { createKubernetesSecrets } from '../../secrets/kubernetes/kubernetes-secrets.ts';
import type { SecretEvent } from '../../secrets/held-secret.ts';
import { secretLimits } from '../../secrets/holder-gate.ts';
import type { SecretHolders } from '../../secrets/holder.ts';
import type { Redactor } from '../../secrets/redact.ts';
import { createSecretResolver, type SecretResolver, type Secrets } from '../../secrets/resolve.ts';
import { createVaultSecrets } from '../../secrets/vault/vault-secrets.ts';
import type { VaultLogin } from '../../secrets/vault/vault-place.ts';
import type { SecretConfig } from '../config/secret-settings.ts';

/** What the secrets of a gateway need of the world. */
export interface SecretPorts {
  readonly config: SecretConfig;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly redactor: Redactor;
  /** The certificate of the gateway, as of now. */
  readonly identity: () => Pick<TlsMaterial, 'certificate' | 'key'>;
  readonly tell: (event: SecretEvent) => void;
  /** Told of values that are too plain to be cut out of what leaves. */
  readonly log?: (line: string) => void;
}

/** The resolver of a gateway, with the holders that its configuration names. */
export function openSecrets(ports: SecretPorts): Secrets {
  const { config, environment, redactor, clock, tell, log } = ports;
  const { holdMilliseconds, outageMilliseconds } = config;
  // What a login needs is in the environment or a file, and in no holder.
  const own = createSecretResolver({ environment, redactor, clock, holdMilliseconds: 0 });
  const holders = { ...vaultOf(ports, own), ...awsOf(ports), ...kubernetesOf(ports) };
  return createSecretResolver({
    environment,
    redactor,
    clock,
    holdMilliseconds,
    outageMilliseconds,
    holders,
    tell,
    onPlain: (reference) =>
      log?.(
        `The secret ${reference} is short or plain: it is not cut out of answers and logs. Use a longer one.`,
      ),
  });
}

function vaultOf({ config, clock, identity, redactor }: SecretPorts, secrets: SecretResolver): SecretHolders {
  const { address, namespace, ca, addresses } = config.vault;
  if (address === '') return {};
  const place = {
    address,
    namespace: namespace || null,
    authorities: ca || null,
    login: loginOf(config.vault),
  };
  return {
    vault: createVaultSecrets(place, {
      secrets,
      clock,
      limits: secretLimits,
      addresses: guardOf(addresses),
      refused: 'secret_unresolved',
      learn: (secret, life) => void redactor.learn(secret, life),
      identity: () => {
        const { certificate, key } = identity();
        return { certificate, key };
      },
    }),
  };
}

function awsOf({ config, clock, environment }: SecretPorts): SecretHolders {
  const { region, endpoint, profile, addresses } = config.aws;
  if (region === '') return {};
  return {
    'aws-sm': createSecretsManager({
      region,
      endpoint: endpoint || null,
      addresses: guardOf(addresses),
      credentials: awsCredentials(environment, { region, profile: profile || null }),
      clock,
    }),
  };
}

function kubernetesOf({ config, redactor }: SecretPorts): SecretHolders {
  const { address, ca, addresses, serviceAccount } = config.kubernetes;
  if (address === '') return {};
  return {
    k8s: createKubernetesSecrets({
      address,
      authorities: ca,
      addresses: guardOf(addresses),
      tokenFile: serviceAccount,
      learn: (secret) => void redactor.learn(secret, tokenLife),
    }),
  };
}

function loginOf(vault: SecretConfig['vault']): VaultLogin {
  const { mount, role } = vault;
  switch (vault.login) {
    case 'certificate':
      return { kind: 'own-certificate', mount: mount || 'cert', role: role || null };
    case 'approle':
      return { kind: 'approle', mount: mount || 'approle', roleId: vault.roleId, secretId: vault.secretId };
    case 'kubernetes':
      return {
        kind: 'kubernetes',
        mount: mount || 'kubernetes',
        role,
        tokenFile: vault.serviceAccount,
      };
    case 'token':
      return { kind: 'token', token: vault.token };
    default:
      return assertNever(vault.login);
  }
}

/** No token of a service account lives longer, in milliseconds. */
const tokenLife = 24 * 3_600_000;

/** Link-local addresses, and with them the metadata services of clouds, are in neither. */
function guardOf(addresses: 'public' | 'any'): AddressPolicy {
  return addresses === 'any' ? addressRanges(['public', 'private', 'loopback']) : 'public-only';
}
