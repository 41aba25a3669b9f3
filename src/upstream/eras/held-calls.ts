import { sha256Base64url } from '../../kernel/bytes.ts';
import { canonicalJson, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomId } from '../../kernel/random.ts';
import type { Seal } from '../../kernel/seal.ts';
import type { Message } from '../../mcp/message.ts';
import type { HeldCall } from './held-call.ts';
import { without } from './translate.ts';
import { agentOf, isCallers } from '../party.ts';

/** The calls that wait for their clients, found again by the state that the clients bring back. */
export interface HeldCalls {
  /** Makes a call with a place here. Throws Fault `limit_reached`. */
  add(
    caller: string,
    message: Message,
    make: (stateFor: (round: number) => string, onOver: () => void) => HeldCall,
  ): HeldCall;
  /** Throws Fault `state_unknown` unless the state is the last one made for this caller and this very request. */
  find(state: Json, caller: string, message: Message): HeldCall;
  endCaller(caller: string): void;
}

interface Place {
  readonly caller: string;
  readonly digest: string;
  readonly call: HeldCall;
}

export function createHeldCalls(server: string, seal: Seal, perCaller: number): HeldCalls {
  const places = new Map<string, Place>();
  const context = (caller: string): readonly string[] => ['request-state', server, caller];
  return {
    add(caller, message, make) {
      const mine = [...places.values()].filter((place) => isCallers(place.caller, agentOf(caller)));
      if (mine.length >= perCaller) {
        throw new Fault(
          'limit_reached',
          `This agent has ${mine.length} calls open at this server, the most allowed.`,
        );
      }
      const id = randomId();
      const call = make(
        (round) => seal.seal(`${id}.${round}`, context(caller)),
        () => void places.delete(id),
      );
      places.set(id, { caller, digest: digestOf(message), call });
      return call;
    },
    find(state, caller, message) {
      const opened = typeof state === 'string' ? seal.open(state, context(caller)) : null;
      const [id = '', round = ''] = opened?.split('.') ?? [];
      const place = places.get(id);
      const fits =
        place?.caller === caller &&
        place.digest === digestOf(message) &&
        String(place.call.round) === round &&
        !place.call.attended;
      if (place && fits) return place.call;
      throw new Fault(
        'state_unknown',
        'The request state was not made for this agent and request, was used already, or its call is over. Call again without it.',
      );
    },
    endCaller(caller) {
      for (const place of places.values()) {
        if (isCallers(place.caller, caller)) place.call.leave('The caller was ended.');
      }
    },
  };
}

/** What is asked, without what a client adds from round to round. */
function digestOf(message: Message): string {
  const asked: JsonObject = without(message.params, ['_meta', 'inputResponses', 'requestState']);
  return sha256Base64url(canonicalJson([message.method, asked]));
}
