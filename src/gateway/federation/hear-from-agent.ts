import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Inbound, Message } from '../../mcp/message.ts';
import type { Asking } from './asking.ts';
import { recordMerged } from './record-merged.ts';
import { tell } from './session.ts';

/**
 * A notification or a response of the agent: it goes to the server that it is about, or to all of them, or it ends
 * here. What it is about is gone sometimes, and nobody needs to hear it then.
 */
export async function hearFromAgent(asking: Asking, message: Message, inbound: Inbound): Promise<void> {
  const told = recipients(asking, message);
  await recordMerged(asking, { inbound, asked: told.map(({ server }) => server), leftOut: [] });
  const { session, asker } = asking;
  if (!session) return;
  await Promise.all(
    told.map(async ({ server, value }) => {
      const place = session.places.find((each) => each.server === server);
      if (place) await tell(place, value, asker);
    }),
  );
}

interface Told {
  readonly server: string;
  readonly value: JsonObject;
}

function recipients({ session }: Asking, { kind, method, params, value }: Message): readonly Told[] {
  // MCP 2026-07-28: over HTTP a client has nothing to notify; it cancels by leaving.
  if (!session) return [];
  if (kind === 'response') return one(session.questions.answer(value));
  switch (method) {
    case 'notifications/initialized':
      // Each server hears it when the session there is opened.
      return [];
    case 'notifications/cancelled': {
      const running = session.running.get(params['requestId'] ?? null);
      if (!running) return [];
      if ('server' in running) return [{ server: running.server, value }];
      running.stop(new Fault('unavailable', 'The agent cancelled the request.'));
      return [];
    }
    case 'notifications/progress':
      return one(session.questions.progress(value));
    default:
      // `roots/list_changed` and what later revisions add: for every server that can hear it.
      return session.places.map(({ server }) => ({ server, value }));
  }
}

function one(found: { readonly server: string; readonly message: JsonObject } | null): readonly Told[] {
  return found ? [{ server: found.server, value: found.message }] : [];
}
