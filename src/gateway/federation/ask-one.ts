import { isJsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { Message } from '../../mcp/message.ts';
import { authorize } from '../authorize.ts';
import { type Asking, circumstancesAt, converse } from './asking.ts';
import { delimiter, type RealName } from './exposed-names.ts';
import type { Heard } from './interpret.ts';
import { readNames } from './lists.ts';
import { NameFault } from './name-fault.ts';
import type { NamedKind } from './name-table.ts';
import { relayOne } from './relay-one.ts';
import { eventSealer } from './resume.ts';
import type { Sink } from './sink.ts';
import { address, type Addressed, unknownName } from './to-server.ts';

/** A request that is for the one server whose thing it names: put into its words, sent, and answered in ours. */
export async function askOne(asking: Asking, message: Message, sink: Sink): Promise<void> {
  const { ports, session } = asking;
  const addressed = await address(message, {
    party: asking.party,
    seal: ports.handles,
    offers: (server) => asking.together.includes(server),
    resolve: (kind, exposed) => resolve(asking, kind, exposed, message),
  });
  const { server } = addressed;
  const heard = heardFor(message);
  session?.running.set(message.id, { server, heard });
  try {
    const answer = await converse(asking, server, addressed.message);
    if (answer.status === 200) noteSubscription(asking, addressed);
    const questions = session?.questions ?? null;
    const interpreter = { server, questions, heard: [heard] };
    await relayOne(answer, sink, interpreter, eventSealer(asking, server, heard));
  } finally {
    session?.running.delete(message.id);
  }
}

/** What the server may answer, and tell the progress of. */
function heardFor({ id, params }: Message): Heard {
  const meta = isJsonObject(params['_meta']) ? params['_meta'] : {};
  return { id, progressToken: meta['progressToken'] ?? null };
}

/** Resources of one server that a session remembers to be told about. */
const mostSubscriptions = 1_000;

/** What a server is asked to tell about is asked again when the agent's session there has to be opened anew. */
function noteSubscription({ session }: Asking, { server, subject }: Addressed): void {
  if (!session) return;
  const uris = session.subscribed.get(server) ?? new Set();
  if (subject.method === 'resources/subscribe' && uris.size < mostSubscriptions) {
    session.subscribed.set(server, uris.add(subject.name));
  } else if (subject.method === 'resources/unsubscribe') uris.delete(subject.name);
}

/**
 * The tool or prompt behind an exposed name, from the agent's table. A name that is not there yet is looked for in the
 * list of the server that it can only be of. Throws NameFault, or what reading that list throws.
 */
async function resolve(
  asking: Asking,
  kind: NamedKind,
  exposed: string,
  message: Message,
): Promise<RealName> {
  const server = asking.together.find((each) => exposed.startsWith(each + delimiter));
  if (server === undefined) throw unknownName(exposed);
  if (!asking.names.find(kind, exposed)) await lookFor(asking, kind, server, message);
  const entry = asking.names.find(kind, exposed);
  if (!entry) throw notOffered(asking, server, exposed, message);
  if (entry.refused === null) return entry.real;
  const detail = `${JSON.stringify(exposed)} is not used with all servers: ${entry.refused}. It can be called at /mcp/${server}.`;
  throw new NameFault('name_refused', detail, named(entry.real, message));
}

/** Reads the names of a server again; one whose list the agent may not see has none. */
async function lookFor(asking: Asking, kind: NamedKind, server: string, message: Message): Promise<void> {
  try {
    await readNames(asking, kind, server, message);
  } catch (error) {
    const { code } = toFault(error);
    if (code !== 'denied' && code !== 'policy_error') throw error;
  }
}

/** Why a name of a server is not in its list: most often because policy lets the agent not see it. */
function notOffered(asking: Asking, server: string, exposed: string, message: Message): Fault {
  const { standing, ports } = asking;
  const real = named({ server, name: exposed.slice(server.length + delimiter.length) }, message);
  const inbound = { messages: [real.message], batch: false, era: message.era, revision: message.revision };
  try {
    authorize(
      ports.policies(),
      standing,
      { ...inbound, bytes: new Uint8Array() },
      circumstancesAt(asking, server),
    );
  } catch (error) {
    const { code, message: detail } = toFault(error);
    return new NameFault(code, detail, real);
  }
  const unpinned = ports.toolPins.objection(server, exposed.slice(server.length + delimiter.length));
  if (message.method === 'tools/call' && unpinned)
    return new NameFault(unpinned.code, unpinned.message, real);
  return new NameFault('name_unknown', unknownName(exposed).message, real);
}

/** The request with the server's own name in place of ours. */
function named({ server, name }: RealName, message: Message): NonNullable<NameFault['real']> {
  const { target } = message;
  const own = target.kind === 'tool' || target.kind === 'prompt' ? { ...target, name } : target;
  const ref = message.params['ref'];
  const params = isJsonObject(ref)
    ? { ...message.params, ref: { ...ref, name } }
    : { ...message.params, name };
  return { server, message: { ...message, target: own, params, value: { ...message.value, params } } };
}
