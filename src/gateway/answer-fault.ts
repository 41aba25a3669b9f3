import type { Exchange } from '../http/exchange.ts';
import { acceptSignature } from '../http/signatures/call-signature.ts';
import { problemStatus } from '../http/problem.ts';
import type { Fault } from '../kernel/fault.ts';
import { TokenFault } from '../oauth/resource/challenge.ts';
import { errorResponse } from '../mcp/error-response.ts';
import type { Inbound } from '../mcp/message.ts';
import type { AnswerGuard } from './answer-guard.ts';
import { WaitingFault } from './approval/seek-approval.ts';

/** Answers an MCP request with a fault in the words of its era. Nothing of the cause is told. */
export async function answerFault(
  exchange: Exchange,
  inbound: Inbound | null,
  fault: Fault,
  { guard }: { readonly guard: AnswerGuard },
): Promise<void> {
  if (exchange.answered || exchange.closed.aborted) return;
  if (fault instanceof WaitingFault) return await answerWaiting(exchange, fault);
  const answer = errorResponse(fault, inbound, problemStatus[fault.code]);
  await exchange.respond(answer.status, { ...answer.headers, ...challengeOf(fault) }, guard.own(answer.body));
}

/** A question to the client is an answer of its own kind (MCP 2026-07-28, Multi Round-Trip Requests). */
async function answerWaiting(exchange: Exchange, { id, result }: WaitingFault): Promise<void> {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  await exchange.respond(200, headers, JSON.stringify({ jsonrpc: '2.0', id, result }));
}

/** The headers that tell a client how to come again: with which token, or how signed; none for any other fault. */
export function challengeOf(fault: Fault): Readonly<Record<string, string>> {
  // RFC 9421 §5: how the next one has to be signed.
  if (fault.code === 'call_unsigned') return { 'accept-signature': acceptSignature() };
  return fault instanceof TokenFault ? fault.headers : {};
}
