import { access } from 'node:fs/promises';
import type { AuditLog } from '../../audit/log.ts';
import type { Destination } from '../../export/destination.ts';
import { Exporter, type ExportStatus } from '../../export/exporter.ts';
import { reopened } from '../../export/reopened.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readTextFile } from '../../kernel/durable-file.ts';
import type { SecretResolver } from '../../secrets/resolve.ts';
import { type ExportDestination, readAuditExport } from '../config/audit-export-file.ts';
import { openDestination } from './open-destination.ts';

/** The exporters of one log. */
export interface RunningExports extends AsyncDisposable {
  status(): readonly ExportStatus[];
}

export interface ExportPorts {
  /** The file of destinations; without it nothing is exported. */
  readonly file: string;
  readonly folder: string;
  readonly audit: AuditLog;
  readonly secrets: Pick<SecretResolver, 'resolve'>;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/** Begins to bring a log to the destinations of the file. Throws Fault `config_invalid`. */
export async function openExports(ports: ExportPorts): Promise<RunningExports> {
  const { file, folder, audit, clock, log } = ports;
  await using opened = new AsyncDisposableStack();
  const there = await access(file).then(
    () => true,
    () => false,
  );
  const { destinations, lagSeconds } = readAuditExport(file, there ? await readTextFile(file) : '');
  const exporters = destinations.map((settings) =>
    opened.use(
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
    ),
  );
  const held = opened.move();
  return {
    status: () => exporters.map((exporter) => exporter.status()),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function destinationOf(settings: ExportDestination, { secrets, clock }: ExportPorts): Destination {
  return reopened(() => openDestination(settings, { secrets, clock }));
}
