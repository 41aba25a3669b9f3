import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Lease, type Leased, type SecretHolder, textFields } from '../holder.ts';
import type { VaultSecret } from '../reference.ts';
import { openVaultSession, type VaultSession } from './session.ts';
import type { VaultPlace, VaultPorts } from './vault-place.ts';

/** No lease is believed to be longer, in milliseconds. */
const longestLease = 366 * 24 * 3_600_000;

/**
 * Secrets of Vault or OpenBao: of its key-value engine in both versions, and of every engine that makes credentials when a path is
 * read, such as databases. What was leased ends with the login under which it was.
 */
export function createVaultSecrets(place: VaultPlace, ports: VaultPorts): SecretHolder<VaultSecret> {
  const { clock } = ports;
  let session: Promise<VaultSession> | null = null;

  const open = (): Promise<VaultSession> => {
    if (session) return session;
    const opening = openVaultSession(place, ports);
    session = opening;
    // A file that was wrong may have been put right meanwhile.
    opening.catch(() => {
      if (session === opening) session = null;
    });
    return opening;
  };
  const asked = async <Value>(what: string, act: (with_: VaultSession) => Promise<Value>): Promise<Value> => {
    try {
      return await act(await open());
    } catch (error) {
      if (isUntrusted(error)) await close();
      throw inOwnWords(error, what);
    }
  };
  const close = async (): Promise<void> => {
    const before = session;
    session = null;
    await before?.then((opened) => opened[Symbol.asyncDispose]()).catch(() => undefined);
  };
  /** Nothing that was leased lives longer than the token. */
  const capped = (milliseconds: number, opened: VaultSession): number =>
    Math.max(0, Math.min(longestLease, milliseconds, opened.tokenEnds() - clock.monotonic()));

  return {
    read: (secret, signal) =>
      asked('let it be read', async (opened) => {
        const answer = await opened.ask('GET', pathOf(secret), null, signal);
        if (answer === null) throw missing(secret);
        return readAnswer(answer, (milliseconds) => capped(milliseconds, opened));
      }),
    renew: (lease, signal) =>
      asked('let its lease be renewed', async (opened) => {
        const order = { lease_id: lease.id, increment: Math.ceil(lease.milliseconds / 1_000) };
        const answer = await opened.ask('POST', 'sys/leases/renew', order, signal);
        const seconds = isJsonObject(answer) ? answer['lease_duration'] : null;
        return typeof seconds === 'number' && seconds > 0 ? capped(seconds * 1_000, opened) : 0;
      }),
    revoke: (lease, signal) =>
      asked('let its lease be ended', async (opened) => {
        await opened.ask('POST', 'sys/leases/revoke', { lease_id: lease.id }, signal);
      }),
    async [Symbol.asyncDispose]() {
      const opened = await session?.catch(() => null);
      await opened?.revokeTokens(AbortSignal.timeout(3_000));
      await close();
    },
  };
}

function pathOf({ path, version }: VaultSecret): string {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return version === null ? encoded : `${encoded}?version=${version}`;
}

function readAnswer(answer: Json, capped: (milliseconds: number) => number): Leased {
  const data = isJsonObject(answer) ? answer['data'] : null;
  if (!isJsonObject(answer) || !isJsonObject(data)) {
    throw new Fault('unavailable', 'What answers there does not answer as Vault does.');
  }
  // The second version of the key-value engine wraps what it keeps.
  const { metadata } = data;
  const versioned = isJsonObject(metadata) && 'version' in metadata && isJsonObject(data['data']);
  const fields = textFields(versioned ? data['data'] : data);
  return { fields, whole: null, lease: readLease(answer, capped) };
}

function readLease(
  answer: { readonly [name: string]: Json },
  capped: (milliseconds: number) => number,
): Lease | null {
  const { lease_id: id, lease_duration: seconds, renewable } = answer;
  if (typeof id !== 'string' || id === '') return null;
  // Without a number nothing is known of its end, and it is not used for longer than a moment.
  const milliseconds = typeof seconds === 'number' && seconds > 0 ? seconds * 1_000 : 1_000;
  return { id, milliseconds: capped(milliseconds), renewable: renewable === true };
}

function missing({ path }: VaultSecret): Fault {
  const hint = path.includes('/data/')
    ? ''
    : ' With version 2 of the key-value engine the path has data/ after the name of the engine.';
  return new Fault('not_found', `There is nothing at ${path}, or it was deleted.${hint}`);
}

function isUntrusted(error: unknown): boolean {
  return error instanceof Fault && error.cause instanceof Fault && error.cause.code === 'gateway_untrusted';
}

/** Faults whose text is our own. */
const ours: ReadonlySet<string> = new Set(['not_found', 'file_mode', 'secret_unavailable']);

/** What Vault wrote stays in the cause. */
function inOwnWords(error: unknown, what: string): unknown {
  if (!(error instanceof Fault) || ours.has(error.code)) return error;
  switch (error.code) {
    case 'unavailable':
      return new Fault('unavailable', 'Vault does not answer, is sealed, or answers with something else.', {
        cause: error,
      });
    case 'address_refused':
      return new Fault(
        'address_refused',
        'Vault is at an address that is not public; the setting secrets.vault.addresses says whether that is meant.',
        { cause: error },
      );
    default:
      return new Fault(
        'secret_unresolved',
        `Vault does not ${what}, or not with this login; the log of the gateway has what it said.`,
        { cause: error },
      );
  }
}
