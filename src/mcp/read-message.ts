import { utf8 } from '../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { rememberedFor } from '../kernel/remembered-for.ts';
import { defaultJsonLimits, type JsonLimits, parseJsonText } from '../kernel/parse-json.ts';
import { checkHeaders } from './check-headers.ts';
import { readEnvelope } from './envelope.ts';
import type { HeaderLookup, Inbound, Message } from './message.ts';
import { MessageFault } from './message-fault.ts';
import { isCarriedExactly } from './exact-values.ts';
import {
  assumedRevision,
  eraOf,
  firstModernRevision,
  hasBatches,
  isRemoved,
  revisions,
  revisionsOf,
} from './revisions.ts';
import { statedRevision, unsupported } from './stated-revision.ts';
import { targetOf } from './targets.ts';

/** The most messages that one batch may hold. */
const batchLimit = 100;

/**
 * Reads the body of one POST, once, for everything that follows: policy judges these values and `bytes`, serialised
 * from the same values, is what is forwarded. Headers that mirror the body must agree with it.
 * Throws Fault `malformed_json`, `json_*`, `media_type`, `not_acceptable`, `message_invalid`, `params_invalid`,
 * `batch_refused`, `protocol_version`, `method_unknown` or `header_mismatch` (MCP 2026-07-28 and 2025-11-25, Streamable HTTP).
 */
export function readInbound(input: {
  readonly headers: HeaderLookup;
  readonly body: Uint8Array;
  readonly limits?: JsonLimits;
}): Inbound {
  const { headers } = input;
  checkMedia(headers);
  const { value, plain } = parseJsonText(input.body, input.limits ?? defaultJsonLimits);
  if (!isCarriedExactly(value)) {
    throw new Fault(
      'message_invalid',
      'The body holds a lone surrogate, or a number beyond what every reader takes for the same: an integer past ±(2^53 − 1), or one no double holds. Send such a number as a string.',
    );
  }
  const stated = statedRevision(headers, value);
  if (Array.isArray(value)) return readBatch(value, stated);
  const message = readMessage(value, stated);
  checkHeaders(headers, message);
  return {
    messages: [message],
    batch: false,
    era: message.era,
    revision: message.revision,
    // What most clients send is what would be written again.
    bytes: plain ? input.body : utf8(JSON.stringify(value)),
  };
}

/** Throws Fault `media_type` or `not_acceptable`. */
const checkMedia = rememberedFor((headers: HeaderLookup): HeaderLookup => {
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new Fault('media_type', 'The Content-Type of an MCP message is application/json.');
  }
  const accepted = (headers.get('accept') ?? '').toLowerCase();
  const accepts = (range: string): boolean =>
    accepted.includes(range) || accepted.includes(`${range.split('/')[0]}/*`) || accepted.includes('*/*');
  if (!accepts('application/json') || !accepts('text/event-stream')) {
    throw new Fault(
      'not_acceptable',
      'The Accept header of an MCP POST lists application/json and text/event-stream.',
    );
  }
  return headers;
});

function readBatch(values: readonly Json[], stated: string | null): Inbound {
  const revision = stated ?? assumedRevision;
  if (!hasBatches(revision)) {
    throw new Fault('batch_refused', `MCP ${revision} has no batches; send each message by itself.`);
  }
  if (values.length === 0 || values.length > batchLimit) {
    throw new Fault('message_invalid', `A batch holds 1 to ${batchLimit} messages.`);
  }
  const messages = values.map((value) => readMessage(value, stated));
  const ids = messages.filter(({ kind }) => kind === 'request').map(({ id }) => id);
  if (new Set(ids).size !== ids.length) {
    throw new Fault('message_invalid', 'Two requests of the batch have the same id.');
  }
  if (messages.some(({ era, method }) => era === 'modern' || method === 'initialize')) {
    // MCP 2025-03-26, Lifecycle: initialize is never part of a batch.
    throw new Fault('message_invalid', 'The batch holds a message that must come by itself.');
  }
  return { messages, batch: true, era: 'legacy', revision, bytes: utf8(JSON.stringify(values)) };
}

function readMessage(value: Json, stated: string | null): Message {
  if (!isJsonObject(value) || value['jsonrpc'] !== '2.0') {
    throw new Fault('message_invalid', 'The body is not a JSON-RPC 2.0 message.');
  }
  const { method } = value;
  const answers = Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error');
  if (typeof method === 'string' && !answers) return readCall(value, method, stated);
  if (!Object.hasOwn(value, 'method') && answers) return readResponse(value, stated);
  throw new Fault('message_invalid', 'The body is neither a request, a notification nor a response.');
}

function readResponse(value: JsonObject, stated: string | null): Message {
  const id = idOf(value);
  if (id === null || (Object.hasOwn(value, 'result') && Object.hasOwn(value, 'error'))) {
    throw new Fault('message_invalid', 'A response has an id and either a result or an error.');
  }
  const revision = stated ?? assumedRevision;
  if (eraOf(revision) === 'modern') {
    // MCP 2026-07-28: servers send no requests, so clients have nothing to respond to.
    throw new MessageFault('message_invalid', `MCP ${revision} has no responses from clients.`, id);
  }
  return {
    kind: 'response',
    era: 'legacy',
    revision,
    id,
    method: null,
    params: {},
    target: { kind: 'server' },
    arguments: {},
    value,
  };
}

function readCall(value: JsonObject, method: string, stated: string | null): Message {
  const id = idOf(value);
  const given = value['params'];
  if (given !== undefined && !isJsonObject(given)) {
    throw new MessageFault('params_invalid', 'params is not an object.', id);
  }
  const params = given ?? {};
  const revision = revisionOf(method, params, stated, id);
  if (isRemoved(method, revision)) throw noSuchMethod(method, revision, id);
  const kind = id === null ? 'notification' : 'request';
  const target = kind === 'request' ? targetOf(method, params) : ({ kind: 'server' } as const);
  if ('missing' in target) {
    throw new MessageFault('params_invalid', `${method} needs ${target.missing}.`, id);
  }
  const named = target.kind === 'tool' || target.kind === 'prompt';
  const args = named ? params['arguments'] : undefined;
  if (args !== undefined && !isJsonObject(args)) {
    throw new MessageFault('params_invalid', 'params.arguments is not an object.', id);
  }
  return { kind, era: eraOf(revision), revision, id, method, params, target, arguments: args ?? {}, value };
}

/** The id of a message: text or a whole number (MCP, RequestId); null when the member is absent. */
function idOf(value: JsonObject): string | number | null {
  if (!Object.hasOwn(value, 'id')) return null;
  const { id } = value;
  if (typeof id === 'string' || (typeof id === 'number' && Number.isSafeInteger(id))) return id;
  throw new Fault('message_invalid', 'The id of a message is a string or a whole number.');
}

/** Which revision a request or notification is read by; envelope and header must not disagree. */
function revisionOf(method: string, params: JsonObject, stated: string | null, id: Message['id']): string {
  const envelope = readEnvelope(params);
  if (envelope.revision === null) {
    if (stated === null || eraOf(stated) === 'legacy') return stated ?? proposed(method, params);
    if (method === 'initialize') throw disagree(`initialize is not a method of ${stated}`, id);
    if (id === null) return stated;
    throw new MessageFault(
      'params_invalid',
      `A request of MCP ${stated} carries params._meta["io.modelcontextprotocol/protocolVersion"].`,
      id,
    );
  }
  if (envelope.wrong !== null) {
    throw new MessageFault('params_invalid', `${envelope.wrong} is missing or of the wrong kind.`, id);
  }
  if (stated !== null && stated !== envelope.revision) {
    throw disagree('MCP-Protocol-Version and params._meta name different revisions', id);
  }
  if (envelope.revision < firstModernRevision || !revisions.includes(envelope.revision)) {
    throw unsupported(envelope.revision, id, revisionsOf('modern'));
  }
  return envelope.revision;
}

function noSuchMethod(method: string, revision: string, id: Message['id']): MessageFault {
  // MCP 2026-07-28, Versioning: the answer to an initialize names the revisions, or its sender never learns of them.
  const speaks =
    method === 'initialize' ? ` This request names ${revision}; ${revisions.join(', ')} are spoken.` : '';
  return new MessageFault('method_unknown', `MCP ${revision} has no method ${method}.${speaks}`, id);
}

function disagree(what: string, id: Message['id']): MessageFault {
  return new MessageFault('header_mismatch', `Header and body disagree: ${what}.`, id);
}

/** An `initialize` proposes its revision in the body; server and client settle it between them. */
function proposed(method: string, params: JsonObject): string {
  const version = params['protocolVersion'];
  const known = method === 'initialize' && typeof version === 'string' && revisions.includes(version);
  return known && eraOf(version) === 'legacy' ? version : assumedRevision;
}
