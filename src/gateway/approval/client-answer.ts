import { utf8 } from '../../kernel/bytes.ts';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { visibleText } from '../../kernel/visible-text.ts';
import type { Inbound, Message } from '../../mcp/message.ts';
import { subjectOf } from '../handles.ts';
import type { Holder } from '../handles.ts';
import type { SealOwner, StateSeal } from '../state-seal.ts';
import type { AskedCall, CallStanding } from './call-approvals.ts';

/** The question of ours among those that a result asks of a client (MCP 2026-07-28, Multi Round-Trip Requests). */
const ours = 'countersign-approval';

/** What the client says to it: whether the call is still wanted. It is no approval, whoever says it. */
export interface ClientAnswer {
  /** Of the request that waits. */
  readonly id: string;
  readonly wanted: boolean;
}

/** Whether its person can be asked: a call of one round may become one of several, and the client shows forms. */
export function canBeAsked(inbound: Inbound | null): boolean {
  const meta = inbound?.era === 'modern' ? inbound.messages[0]?.params['_meta'] : undefined;
  const stated = isJsonObject(meta) ? meta['io.modelcontextprotocol/clientCapabilities'] : undefined;
  const elicitation = isJsonObject(stated) ? stated['elicitation'] : undefined;
  if (!isJsonObject(elicitation)) return false;
  // MCP 2025-11-25, Elicitation, Capabilities: an empty object is one that has forms.
  return Object.keys(elicitation).length === 0 || elicitation['form'] !== undefined;
}

/** The result that has the client wait, with a state that brings back what its server had asked in an earlier round. */
export function waitingResult(
  {
    call,
    standing,
    detail,
  }: { readonly call: AskedCall; readonly standing: CallStanding; readonly detail: string },
  message: Message,
  { holder, seal }: { readonly holder: Holder; readonly seal: StateSeal },
): JsonObject {
  const { requestState, inputResponses } = message.params;
  const kept = {
    ...(requestState !== undefined && { requestState }),
    ...(inputResponses !== undefined && { inputResponses }),
  };
  return {
    resultType: 'input_required',
    inputRequests: {
      [ours]: {
        method: 'elicitation/create',
        params: {
          mode: 'form',
          message: `${visibleText(detail)}. This call waits for somebody else to approve it, as ${standing.id}, until ${new Date(standing.expiresAt).toISOString()}. Accept to go on waiting; decline to give the call up.`,
          requestedSchema: { type: 'object', properties: {} },
        },
      },
    },
    requestState: seal.seal([standing.id, JSON.stringify(kept)], ownerOf(holder, message)),
    _meta: { 'countersign/approval': { id: standing.id, digest: call.digest } },
  };
}

/**
 * Takes the answer to our question out of a request, which then is again the one that was asked about: nothing of ours
 * reaches a server. Throws Fault `handle_unknown` for a state that was not made for this.
 */
export function takeClientAnswer(
  inbound: Inbound,
  holder: Holder,
  seal: StateSeal,
): { readonly inbound: Inbound; readonly answer: ClientAnswer | null } {
  const [message] = inbound.messages;
  const given = inbound.era === 'modern' ? message?.params['inputResponses'] : undefined;
  if (!message || !isJsonObject(given) || given[ours] === undefined) return { inbound, answer: null };
  const { [ours]: answered, ...others } = given;
  if (Object.keys(others).length > 0) {
    throw new Fault('handle_unknown', 'This answers a question that was not asked together with ours.');
  }
  const { requestState, inputResponses: _answers, ...rest } = message.params;
  const state = typeof requestState === 'string' ? requestState : '';
  const [id = '', kept = '{}'] = seal.open(state, ownerOf(holder, message));
  const earlier = parseJson(kept, keptLimits);
  const params = { ...rest, ...(isJsonObject(earlier) ? earlier : {}) };
  const value = { ...message.value, params };
  return {
    inbound: { ...inbound, messages: [{ ...message, params, value }], bytes: utf8(JSON.stringify(value)) },
    answer: { id, wanted: isJsonObject(answered) && answered['action'] === 'accept' },
  };
}

/** It was read once, within the limits of a request, and sealed. */
const keptLimits = { depth: 1_000, values: 10_000_000 };

function ownerOf({ party, server }: Holder, message: Message): SealOwner {
  const { method, name } = subjectOf(message);
  return { party, purpose: 'approval', of: JSON.stringify([server, method, name]) };
}
