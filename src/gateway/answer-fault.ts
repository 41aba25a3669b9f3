import type { Exchange } from '../http/exchange.ts';
import { acceptSignature } from '../http/signatures/call-signature.ts';
import { problemStatus } from '../http/problem.ts';
import type { Fault } from '../kernel/fault.ts';
import { errorResponse } from '../mcp/error-response.ts';
import type { Inbound } from '../mcp/message.ts';

/** Answers an MCP request with a fault in the words of its era. Nothing of the cause is told. */
export async function answerFault(exchange: Exchange, inbound: Inbound | null, fault: Fault): Promise<void> {
  if (exchange.answered || exchange.closed.aborted) return;
  const answer = errorResponse(fault, inbound, problemStatus[fault.code]);
  // RFC 9421 §5: how the next one has to be signed.
  const signature = fault.code === 'call_unsigned' ? { 'accept-signature': acceptSignature() } : {};
  await exchange.respond(answer.status, { ...answer.headers, ...signature }, answer.body);
}
