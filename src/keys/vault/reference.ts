import { isAbsolute } from 'node:path';
import type { VaultLogin, VaultPlace } from '../../secrets/vault/vault-place.ts';
import {
  invalid,
  type Parameters,
  readParameters,
  requireIndirect,
  writeParameters,
} from '../reference-parts.ts';

/** A key of the transit secrets engine of Vault or OpenBao. */
export interface VaultReference extends VaultPlace {
  readonly kind: 'vault';
  readonly login: KeyLogin;
  /** Where the engine is mounted, `transit` as a rule. */
  readonly mount: string;
  readonly key: string;
  /** The pinned version; null only until the key has been opened for the first time. */
  readonly version: number | null;
}

/** Commands of the authority have no certificate of their own to show, and run outside of pods. */
type KeyLogin = Exclude<VaultLogin, { readonly kind: 'own-certificate' | 'kubernetes' }>;

const known = [
  'address',
  'namespace',
  'version',
  'ca',
  'token',
  'role-id',
  'secret-id',
  'certificate',
  'certificate-key',
  'role',
  'login-mount',
];

/**
 * Reads what follows `vault:`: `transit/keys/NAME?address=https://…&version=1&ca=/path&token=file:/path`.
 * Throws Fault `invalid_input`.
 */
export function readVaultReference(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): VaultReference {
  const [path = '', query = ''] = split(text);
  const [, mount = '', key = ''] = /^([\w.-]+(?:\/[\w.-]+)*)\/keys\/([\w.-]+)$/.exec(path) ?? [];
  if (key === '' || path.split('/').some((part) => /^\.+$/.test(part))) {
    throw invalid('after vault: stands the path of a transit key, such as transit/keys/countersign');
  }
  const given = readParameters(query, known);
  const address = given['address'] ?? environment['BAO_ADDR'] ?? environment['VAULT_ADDR'];
  if (address === undefined) {
    throw invalid('it does not say where Vault is; add ?address=https://… or set VAULT_ADDR');
  }
  return {
    kind: 'vault',
    address: readAddress(address),
    namespace: given['namespace'] ?? environment['BAO_NAMESPACE'] ?? environment['VAULT_NAMESPACE'] ?? null,
    mount,
    key,
    version: readVersion(given['version']),
    authorities:
      absolute('ca', given['ca'] ?? environment['BAO_CACERT'] ?? environment['VAULT_CACERT']) ?? null,
    login: readLogin(given),
  };
}

/** The text that `readKeyReference` reads again, without help of the environment. */
export function writeVaultReference(reference: VaultReference): string {
  const { login } = reference;
  const query = writeParameters({
    address: reference.address,
    namespace: reference.namespace ?? undefined,
    version: reference.version === null ? undefined : String(reference.version),
    ca: reference.authorities ?? undefined,
    ...(login.kind === 'token' && { token: login.token }),
    ...(login.kind === 'approle' && {
      'role-id': login.roleId,
      'secret-id': login.secretId,
      'login-mount': login.mount,
    }),
    ...(login.kind === 'cert' && {
      certificate: login.certificate,
      'certificate-key': login.key,
      role: login.role ?? undefined,
      'login-mount': login.mount,
    }),
  });
  return `vault:${reference.mount}/keys/${reference.key}?${query}`;
}

function split(text: string): readonly string[] {
  const at = text.indexOf('?');
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** A token sent over plain HTTP is everybody's on the way; on this machine alone there is no way. */
function readAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url?.hostname ?? '');
  const sound =
    url &&
    (url.protocol === 'https:' || (url.protocol === 'http:' && loopback)) &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '' &&
    url.password === '';
  if (!sound) throw invalid('its address must be https://host:port; http is for 127.0.0.1 alone');
  return url.origin;
}

function readVersion(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw invalid('its version must be a number from 1');
}

function absolute(name: string, path: string | undefined): string | undefined {
  if (path === undefined || isAbsolute(path)) return path;
  throw invalid(`${name} must be an absolute path, since commands run in different folders`);
}

function readLogin(given: Parameters): KeyLogin {
  if (given['role'] !== undefined && given['certificate'] === undefined) {
    throw invalid('role is for a login with certificate; for AppRole it is role-id');
  }
  const ways = [
    given['token'] !== undefined,
    given['role-id'] !== undefined || given['secret-id'] !== undefined,
    given['certificate'] !== undefined || given['certificate-key'] !== undefined,
  ];
  if (ways.filter(Boolean).length > 1) {
    throw invalid('it names more than one way to log in: token, role-id with secret-id, or certificate');
  }
  if (ways[1]) {
    const { 'role-id': roleId, 'secret-id': secretId } = given;
    if (roleId === undefined || secretId === undefined) throw invalid('role-id and secret-id go together');
    const mount = given['login-mount'] ?? 'approle';
    return { kind: 'approle', mount, roleId, secretId: requireIndirect('secret-id', secretId) };
  }
  if (ways[2]) {
    const certificate = absolute('certificate', given['certificate']);
    const key = absolute('certificate-key', given['certificate-key']);
    if (certificate === undefined || key === undefined) {
      throw invalid('certificate and certificate-key go together');
    }
    return {
      kind: 'cert',
      mount: given['login-mount'] ?? 'cert',
      role: given['role'] ?? null,
      certificate,
      key,
    };
  }
  if (given['login-mount'] !== undefined) throw invalid('login-mount is for role-id or certificate');
  return { kind: 'token', token: requireIndirect('token', given['token'] ?? 'env:VAULT_TOKEN') };
}
