import { access } from 'node:fs/promises';
import type { AuditLog } from '../../audit/log.ts';
import type { Destination } from '../../export/destination.ts';
import { Exporter, type ExportStatus } from '../../export/exporter.ts';
import { reopened } from '../../export/reopened.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readTextFile } from '../../kernel/durable-file.ts';
import type { SecretResolver } from '../../secrets/resolve.ts';
import { type ExportDestination, type ExportSettings, readAuditExport } from '../config/audit-export-file.ts';
import { openDestination } from './open-destination.ts';

/** The exporters of one log. */
export interface RunningExports extends AsyncDisposable {
  status(): readonly ExportStatus[];
}

export interface ExportPorts {
  readonly settings: ExportSettings;
  readonly folder: string;
  readonly audit: AuditLog;
  readonly secrets: Pick<SecretResolver, 'resolve'>;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/** Begins to bring a log to its destinations. */
export function openExports(ports: ExportPorts): RunningExports {
  const { folder, audit, clock, log } = ports;
  const { destinations, lagSeconds } = ports.settings;
  const exporters = destinations.map(
    (settings) =>
      new Exporter({
        name: settings.name,
        folder,
        origin: audit.origin,
        destination: destinationOf(settings, ports),
        limits: {
          entries: settings.entries,
          octets: settings.kibibytes * 1_024,
          milliseconds: settings.seconds * 1_000,
        },
        refused: settings.refused,
        lagMilliseconds: lagSeconds * 1_000,
        clock,
        record: (event) => audit.note(event),
        log,
      }),
  );
  return {
    status: () => exporters.map((exporter) => exporter.status()),
    async [Symbol.asyncDispose]() {
      await Promise.all(exporters.map((exporter) => exporter[Symbol.asyncDispose]()));
    },
  };
}

/** What the file says of where a log goes; without a file nowhere. Throws Fault `config_invalid`. */
export async function exportSettings(file: string): Promise<ExportSettings> {
  const there = await access(file).then(
    () => true,
    () => false,
  );
  return readAuditExport(file, there ? await readTextFile(file) : '');
}

function destinationOf(settings: ExportDestination, { secrets, clock }: ExportPorts): Destination {
  return reopened(() => openDestination(settings, { secrets, clock }));
}
