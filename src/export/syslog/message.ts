import { isJsonObject } from '../../kernel/canonical-json.ts';
import { readEntry } from '../../audit/entry.ts';
import { type ExportedEntry, entryId } from '../destination.ts';

/** RFC 5424 §6.2.1: log audit. */
const facility = 13;
const [warning, informational] = [4, 6];
/** RFC 5424 §7.3.1: the largest, after which it begins at 1 again. */
const largestSequence = 2_147_483_647;

/** What every message of a sender says alike. */
export interface SyslogSender {
  readonly host: string;
}

/**
 * One entry as a message (RFC 5424 §6): the event is the MSGID, the registered elements `origin` and `meta` are the structured
 * data, and MSG is the entry with its id and hash as JSON, as a webhook gets it.
 */
export function syslogMessage(origin: string, exported: ExportedEntry, { host }: SyslogSender): string {
  const { time, event } = readEntry(exported.line);
  const severity = isWarning(event) ? warning : informational;
  const sequence = (exported.index % largestSequence) + 1;
  const head = `<${facility * 8 + severity}>1 ${time} ${word(host, 255)} countersign - ${word(event.type, 32)}`;
  const structured = `[origin software="countersign"][meta sequenceId="${sequence}"]`;
  const id = JSON.stringify(entryId(origin, exported.index));
  return `${head} ${structured} {"id":${id},"hash":"${exported.hash}","entry":${exported.line}}`;
}

/** RFC 5425 §4.3: the length in octets, a space, the message. */
export function syslogFrame(message: string): string {
  return `${Buffer.byteLength(message)} ${message}`;
}

function isWarning(event: { readonly type: string }): boolean {
  const refused = isJsonObject(event) && event['type'] === 'admin.command' && 'code' in event;
  return (
    refused ||
    /\.(refused|failed|stopped|behind|set-aside|unavailable|unreachable|recovered|raised)$/.test(event.type)
  );
}

/** RFC 5424 §6: PRINTUSASCII of a length, or the NILVALUE. */
function word(text: string, length: number): string {
  return text.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, length) || '-';
}
