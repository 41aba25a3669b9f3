import type { AddressPolicy } from '../http/address-guard.ts';
import { type Client, type ClientRequest, createClient, type WholeResponse } from '../http/fetch.ts';
import { readTextFile } from '../kernel/durable-file.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { secretLimits } from './holder-gate.ts';

/** Speaks to a program that holds secrets; what it says of its troubles is in our own words. */
export interface HolderClient extends AsyncDisposable {
  /** Throws Fault `unavailable` for what may pass, `address_refused` or `secret_unresolved`. */
  ask(request: ClientRequest): Promise<WholeResponse>;
}

export interface HolderClientOptions {
  /** For people, such as `AWS Secrets Manager`. */
  readonly called: string;
  /** The setting that says whether it may have an address that is not public. */
  readonly addressSetting: string;
  /** A PEM file with the only authorities that are trusted; null for the system's. */
  readonly authorities: string | null;
  readonly addresses: AddressPolicy;
}

export function createHolderClient(options: HolderClientOptions): HolderClient {
  let client: Promise<Client> | null = null;
  const close = async (): Promise<void> => {
    const before = client;
    client = null;
    await before?.then((opened) => opened.close()).catch(() => undefined);
  };
  return {
    async ask(request) {
      try {
        return await (await (client ??= open(options))).request(request);
      } catch (error) {
        // A file that was wrong may have been put right meanwhile.
        if (error instanceof Fault && lost.has(error.code)) await close();
        throw inOwnWords(error, options);
      }
    },
    [Symbol.asyncDispose]: close,
  };
}

const lost: ReadonlySet<string> = new Set(['gateway_untrusted', 'secret_unresolved', 'not_found']);

async function open({ authorities, addresses, called }: HolderClientOptions): Promise<Client> {
  const { attemptMilliseconds } = secretLimits;
  return createClient({
    tls: authorities === null ? {} : { authorities: await trusted(authorities, called) },
    addressGuard: addresses,
    limits: {
      connectMilliseconds: attemptMilliseconds,
      headMilliseconds: attemptMilliseconds,
      totalMilliseconds: attemptMilliseconds,
      bodyBytes: 2 * 1024 * 1024,
    },
  });
}

async function trusted(path: string, called: string): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (cause) {
    const detail = `The file with the authority of ${called} cannot be read: ${errorText(cause)}`;
    throw new Fault('secret_unresolved', detail, { cause });
  }
}

function inOwnWords(cause: unknown, { called, addressSetting }: HolderClientOptions): Fault {
  const code = cause instanceof Fault ? cause.code : 'unavailable';
  switch (code) {
    case 'secret_unresolved':
      return cause instanceof Fault ? cause : new Fault(code, 'It cannot be read.', { cause });
    case 'address_refused':
      return new Fault(
        code,
        `${called} is at an address that is not public; the setting ${addressSetting} says whether that is meant.`,
        { cause },
      );
    case 'gateway_untrusted':
      return new Fault(
        'secret_unresolved',
        `${called} does not show a certificate of an authority that is trusted for it.`,
        { cause },
      );
    case 'too_large':
      return new Fault('secret_unresolved', `${called} answers with more than a secret.`, { cause });
    default:
      return new Fault('unavailable', `${called} does not answer.`, { cause });
  }
}
