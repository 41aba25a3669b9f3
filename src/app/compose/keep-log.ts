import type { KeyObject } from 'node:crypto';
import type { AuditLog } from '../../audit/log.ts';
import type { TlsMaterial } from '../../http/exchange.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Redactor } from '../../secrets/redact.ts';
import type { SecretResolver } from '../../secrets/resolve.ts';
import type { ExportSettings } from '../config/audit-export-file.ts';
import { openExports, type RunningExports } from './open-exports.ts';
import { openWitnesses, type RunningWitnesses } from './open-witnesses.ts';

/** What becomes of a log besides being written: it is exported, and others sign for it. */
export interface KeptLog extends AsyncDisposable {
  readonly exports: RunningExports;
  readonly witnesses: RunningWitnesses;
}

/** Begins all of it, as the file says. Throws Fault `invalid_input` for a key of a witness that is none. */
export function keepLog(options: {
  readonly settings: ExportSettings;
  readonly folder: string;
  readonly audit: AuditLog;
  readonly publicKey: KeyObject;
  readonly identity: (() => Pick<TlsMaterial, 'certificate' | 'key' | 'clientAuthorities'>) | null;
  readonly secrets: Pick<SecretResolver, 'resolve'>;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly log: (line: string) => void;
}): KeptLog {
  const log = (line: string): void => options.log(options.redactor.redact(line));
  const witnesses = openWitnesses({ ...options, settings: options.settings.witnesses, log });
  const exports = openExports({ ...options, log });
  return {
    exports,
    witnesses,
    async [Symbol.asyncDispose]() {
      await exports[Symbol.asyncDispose]();
      await witnesses[Symbol.asyncDispose]();
    },
  };
}
