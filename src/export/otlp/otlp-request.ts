import { readEntry } from '../../audit/entry.ts';
import { canonicalJson, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { type ExportBatch, type ExportedEntry, entryId } from '../destination.ts';

/** SeverityNumber of the OpenTelemetry log data model. */
const [info, warn] = [9, 13];

/**
 * An ExportLogsServiceRequest in the JSON encoding of OTLP: numbers of 64 bits are texts, enumerations are numbers. The body of a
 * record is the line as it stands in the log; the attributes are its members, for whoever looks for them.
 */
export function otlpRequest(batch: ExportBatch, version: string): JsonObject {
  const { origin, entries } = batch;
  return {
    resourceLogs: [
      {
        resource: {
          attributes: [attribute('service.name', 'countersign'), attribute('service.instance.id', origin)],
        },
        scopeLogs: [
          {
            scope: { name: 'countersign.audit', version },
            logRecords: entries.map((entry) => recordOf(origin, entry)),
          },
        ],
      },
    ],
  };
}

function recordOf(origin: string, { index, line, hash }: ExportedEntry): JsonObject {
  const { time, event } = readEntry(line);
  // Epoch nanoseconds are beyond what a number holds.
  const nanoseconds = `${Date.parse(time)}000000`;
  const { type, ...members } = event;
  const warning = /\.(refused|failed|stopped|behind|raised)$/.test(type);
  return {
    timeUnixNano: nanoseconds,
    observedTimeUnixNano: nanoseconds,
    severityNumber: warning ? warn : info,
    severityText: warning ? 'WARN' : 'INFO',
    eventName: `countersign.${type}`,
    body: { stringValue: line },
    attributes: [
      attribute('countersign.id', entryId(origin, index)),
      attribute('countersign.log', origin),
      attribute('countersign.index', index),
      attribute('countersign.hash', hash),
      ...Object.entries(members).map(([name, value]) => attribute(`countersign.${name}`, value)),
    ],
  };
}

function attribute(key: string, value: Json): JsonObject {
  return { key, value: valueOf(value) };
}

/** AnyValue. What is no scalar and no list of texts is canonical JSON: every backend can show that. */
function valueOf(value: Json): JsonObject {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return { arrayValue: { values: value.map((item) => ({ stringValue: item })) } };
  }
  // An AnyValue without a member is the null of OTLP.
  return value === null ? {} : { stringValue: canonicalJson(value) };
}
