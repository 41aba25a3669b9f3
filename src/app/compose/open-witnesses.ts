import type { KeyObject } from 'node:crypto';
import { readWitnessKey } from '../../audit/cosignature.ts';
import type { AuditLog } from '../../audit/log.ts';
import { LogReader } from '../../audit/log-reader.ts';
import { type WitnessDoor, Witnessing, type WitnessStatus } from '../../export/witnessing.ts';
import type { AddressPolicy } from '../../http/address-guard.ts';
import { type Client, createClient } from '../../http/fetch.ts';
import type { TlsMaterial } from '../../http/exchange.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readTextFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { WitnessSettings } from '../config/audit-export-file.ts';
import { guardOf } from './open-destination.ts';

/** The witnesses of one log. */
export interface RunningWitnesses extends AsyncDisposable {
  status(): readonly WitnessStatus[];
  /** Why nothing is to be let through, when one that is waited for has not signed for too long; otherwise null. */
  overdue(): string | null;
}

export interface WitnessPorts {
  readonly settings: readonly WitnessSettings[];
  readonly folder: string;
  readonly audit: AuditLog;
  readonly publicKey: KeyObject;
  /** What this process shows where a witness wants to see who asks; none when it has nothing. */
  readonly identity: (() => Pick<TlsMaterial, 'certificate' | 'key' | 'clientAuthorities'>) | null;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

const milliseconds = 10_000;

/** Begins to have the checkpoints of a log signed by witnesses. Throws Fault `config_invalid`, `invalid_input`. */
export function openWitnesses(ports: WitnessPorts): RunningWitnesses {
  const { settings, folder, audit, publicKey, clock, log } = ports;
  const { origin } = audit;
  const began = clock.now();
  const reader = new LogReader({ folder, origin, publicKey, sign: () => audit.checkpoint() });
  const all = settings.map(
    (one) =>
      new Witnessing({
        name: one.name,
        key: readWitnessKey(one.vkey),
        door: doorOf(one, ports),
        reader,
        folder,
        clock,
        milliseconds: one.everySeconds * 1_000,
        record: (event) => audit.note(event),
        log,
      }),
  );
  return {
    status: () => all.map((one) => one.status()),
    overdue() {
      const now = clock.now();
      const late = all.find((one, at) => {
        const limit = (settings[at]?.limitSeconds ?? 0) * 1_000;
        return limit > 0 && now - (one.status().at ?? began) > limit;
      });
      return late ? `The witness ${late.status().witness} has not signed the audit log for too long` : null;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
    },
  };
}

function doorOf(settings: WitnessSettings, ports: WitnessPorts): WitnessDoor {
  const { url, certificate } = settings;
  // A connection for each request: certificates and authorities that were replaced count at once.
  const post = async (path: string, type: string, body: string, signal: AbortSignal) => {
    const client = await clientOf(settings, ports);
    try {
      const headers = { 'content-type': type };
      const answer = await client.request({ method: 'POST', url: `${url}/${path}`, headers, body, signal });
      return { status: answer.status, body: Buffer.from(answer.body).toString('utf8') };
    } finally {
      await client.close();
    }
  };
  return {
    addCheckpoint: (body, signal) => post('add-checkpoint', 'text/plain; charset=utf-8', body, signal),
    introduce:
      certificate === 'none'
        ? null
        : async (signal) => {
            const key = ports.publicKey.export({ type: 'spki', format: 'pem' });
            const body = JSON.stringify({ origin: ports.audit.origin, publicKey: key });
            const { status } = await post('logs', 'application/json', body, signal);
            if (status !== 200) {
              throw new Fault(
                'audit_broken',
                `The witness does not take in the key of this log (${status}).`,
              );
            }
          },
  };
}

async function clientOf(
  { url, ca, certificate, addresses }: WitnessSettings,
  { identity }: WitnessPorts,
): Promise<Client> {
  const own = certificate === 'own' ? identity?.() : undefined;
  const authorities = ca === undefined ? own?.clientAuthorities : await readTextFile(ca);
  const guard: AddressPolicy = guardOf(addresses, new URL(url).protocol === 'http:');
  return createClient({
    tls: {
      ...(authorities !== undefined && { authorities }),
      ...(own && { certificate: own.certificate, key: own.key }),
    },
    addressGuard: guard,
    limits: {
      connectMilliseconds: milliseconds,
      headMilliseconds: milliseconds,
      totalMilliseconds: milliseconds,
      bodyBytes: 64 * 1_024,
    },
  });
}
