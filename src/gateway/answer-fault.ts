import type { Exchange } from '../http/exchange.ts';
import { acceptSignature } from '../http/signatures/call-signature.ts';
import { problemStatus } from '../http/problem.ts';
import type { Fault } from '../kernel/fault.ts';
import { TokenFault } from '../oauth/resource/challenge.ts';
import { errorResponse } from '../mcp/error-response.ts';
import type { Inbound } from '../mcp/message.ts';
import type { AnswerGuard } from './answer-guard.ts';

/** Answers an MCP request with a fault in the words of its era. Nothing of the cause is told. */
export async function answerFault(
  exchange: Exchange,
  inbound: Inbound | null,
  fault: Fault,
  { guard }: { readonly guard: AnswerGuard },
): Promise<void> {
  if (exchange.answered || exchange.closed.aborted) return;
  const answer = errorResponse(fault, inbound, problemStatus[fault.code]);
  await exchange.respond(answer.status, { ...answer.headers, ...challengeOf(fault) }, guard.own(answer.body));
}

/** The headers that tell a client how to come again: with which token, or how signed; none for any other fault. */
export function challengeOf(fault: Fault): Readonly<Record<string, string>> {
  // RFC 9421 §5: how the next one has to be signed.
  if (fault.code === 'call_unsigned') return { 'accept-signature': acceptSignature() };
  return fault instanceof TokenFault ? fault.headers : {};
}
