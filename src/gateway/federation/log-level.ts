import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Message } from '../../mcp/message.ts';
import { MessageFault } from '../../mcp/message-fault.ts';
import type { Asking } from './asking.ts';
import { request } from './session.ts';

/**
 * `logging/setLevel` for all servers: those whose session is open and that log are told now, the others when they
 * join. None can keep the answer waiting beyond the deadline.
 */
export async function setLogLevel({ session, asker, ports }: Asking, message: Message): Promise<JsonObject> {
  const { level } = message.params;
  if (typeof level !== 'string' || !/^[a-z]{1,20}$/.test(level)) {
    throw new MessageFault('params_invalid', 'logging/setLevel needs params.level.', message.id);
  }
  if (!session) return {};
  session.logLevel = level;
  const { promise: deadline, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ports.federation.limits.listMilliseconds);
  const telling = session.places
    .filter(({ capabilities }) => capabilities['logging'] !== undefined)
    .map(async (place) => await request(place, 'logging/setLevel', { level }, asker));
  await Promise.race([Promise.allSettled(telling), deadline]);
  clearTimeout(timer);
  return {};
}
