import type { KeyObject } from 'node:crypto';
import type { AuditLog } from '../../audit/log.ts';
import type { RetentionRules } from '../../audit/retention.ts';
import { Retaining } from '../../export/retaining.ts';
import type { TlsMaterial } from '../../http/exchange.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Redactor } from '../../secrets/redact.ts';
import type { SecretResolver } from '../../secrets/resolve.ts';
import type { AuditConfig } from '../config/audit-settings.ts';
import type { ExportSettings } from '../config/audit-export-file.ts';
import { openExports, type RunningExports } from './open-exports.ts';
import { openWitnesses, type RunningWitnesses } from './open-witnesses.ts';

/** What becomes of a log besides being written: it is exported, and others sign for it. */
export interface KeptLog extends AsyncDisposable {
  readonly exports: RunningExports;
  readonly witnesses: RunningWitnesses;
  /** null for a log that is kept for ever. */
  readonly retaining: Retaining | null;
}

/** Begins all of it, as the file says. Throws Fault `invalid_input` for a key of a witness that is none. */
export function keepLog(options: {
  readonly settings: ExportSettings;
  readonly folder: string;
  readonly audit: AuditLog;
  readonly publicKey: KeyObject;
  readonly identity: (() => Pick<TlsMaterial, 'certificate' | 'key' | 'clientAuthorities'>) | null;
  /** How long it is kept; null for ever. */
  readonly retention: RetentionRules | null;
  readonly secrets: Pick<SecretResolver, 'resolve'>;
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly log: (line: string) => void;
}): KeptLog {
  const log = (line: string): void => options.log(options.redactor.redact(line));
  const witnesses = openWitnesses({ ...options, settings: options.settings.witnesses, log });
  const exports = openExports({ ...options, log });
  const retaining =
    options.retention &&
    new Retaining({
      folder: options.folder,
      rules: options.retention,
      audit: options.audit,
      destinations: options.settings.destinations.map(({ name }) => name),
      witnessed: witnesses.status,
      clock: options.clock,
      log,
    });
  return {
    exports,
    witnesses,
    retaining,
    async [Symbol.asyncDispose]() {
      await retaining?.[Symbol.asyncDispose]();
      await exports[Symbol.asyncDispose]();
      await witnesses[Symbol.asyncDispose]();
    },
  };
}

/** What the settings say of how long a log is kept. */
export function retentionRules({ retentionDays, retentionMebibytes }: AuditConfig): RetentionRules {
  return {
    milliseconds: retentionDays === 0 ? null : retentionDays * 24 * 3_600_000,
    octets: retentionMebibytes === 0 ? null : retentionMebibytes * 1_048_576,
  };
}
