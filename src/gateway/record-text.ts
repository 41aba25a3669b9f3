import type { Circumstances, MessageRecord, Outcome } from './record.ts';

/**
 * The canonical JSON (RFC 8785) of the two records that every call leaves. They have the same members in the same order
 * each time, and most of their values repeat, so that writing them out costs a fifth of serialising them.
 */

/** What is said of a permit. */
export interface Permitted {
  readonly person: string | null;
  readonly policies: readonly string[];
  readonly policyVersion: string;
  /** Hashes of the definitions of tools, or null. */
  readonly definitions: readonly string[] | null;
  readonly labels?: readonly string[];
  readonly touched?: readonly string[];
}

export function permittedText(shared: Circumstances, permitted: Permitted): string {
  const { token } = shared;
  const bound = token ? `,"binding":${known(token.binding)},"client":${known(token.client)}` : '';
  const definitions = permitted.definitions ? `,"definitions":${namesText(permitted.definitions)}` : '';
  const actors = token?.actors ? `"actors":${namesText(token.actors)},` : '';
  const before = `{${actors}"address":${known(shared.address)},"agent":${known(shared.agent)}${bound}${definitions},"exchange":${quoted(shared.exchange)}`;
  const grant = token ? `,"grant":${quoted(token.grant)}` : '';
  const issuer = token ? `,"issuer":${known(token.issuer)}` : '';
  const labels = permitted.labels ? `,"labels":${namesText(permitted.labels)}` : '';
  const touched = permitted.touched ? `,"touched":${namesText(permitted.touched)}` : '';
  const asked = `${grant},"httpMethod":${known(shared.httpMethod)}${issuer}${labels},"messages":${messagesText(shared)}`;
  const decided = `,"person":${known(permitted.person)},"policies":${namesText(permitted.policies)},"policyVersion":${known(permitted.policyVersion)}`;
  const who = `,"revision":${known(shared.revision)},"serial":${known(shared.serial)},"server":${known(shared.server)}`;
  const tokenId = token ? `,"tokenId":${quoted(token.tokenId)}` : '';
  return `${before}${asked}${decided}${who},"spiffeId":${known(shared.spiffeId)},"thumbprint":${known(shared.thumbprint)}${tokenId}${touched},"type":"call.permitted"}`;
}

export function answeredText(shared: Circumstances, outcome: Outcome): string {
  const before = `{"agent":${known(shared.agent)},"bytes":${outcome.bytes},"exchange":${quoted(shared.exchange)}`;
  const what = `,"messages":${messagesText(shared)},"milliseconds":${outcome.milliseconds},"resultHash":${quoted(outcome.resultHash)}`;
  return `${before}${what},"serial":${known(shared.serial)},"server":${known(shared.server)},"status":${outcome.status},"type":"call.answered"}`;
}

function messagesText(shared: Circumstances): string {
  return (shared.messagesText ??= `[${shared.messages.map(messageText).join(',')}]`);
}

function messageText({ argumentsHash, id, kind, method, target }: MessageRecord): string {
  return `{"argumentsHash":${quoted(argumentsHash)},"id":${quoted(id)},"kind":${known(kind)},"method":${known(method)},"target":${known(target)}}`;
}

function namesText(names: readonly string[]): string {
  return `[${names.map(known).join(',')}]`;
}

/** Texts that were quoted, for those that come again and again. */
const texts = new Map<string, string>();
const mostTexts = 4_096;
const longestText = 256;

function known(text: string | null): string {
  if (text === null) return 'null';
  const earlier = texts.get(text);
  if (earlier !== undefined) return earlier;
  const written = quoted(text);
  if (text.length > longestText) return written;
  if (texts.size >= mostTexts) texts.clear();
  texts.set(text, written);
  return written;
}

/** What JSON writes as it stands, such as a hash or the id of an exchange. */
const plain = /^[\w.~-]*$/;

/** Throws TypeError for a lone surrogate, which has no UTF-8 form. */
function quoted(value: string | number | null): string {
  if (typeof value !== 'string') return String(value);
  if (plain.test(value)) return `"${value}"`;
  if (!value.isWellFormed()) throw new TypeError('canonical JSON: lone surrogate');
  return JSON.stringify(value);
}
