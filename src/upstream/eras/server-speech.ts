import { isJsonArray, isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { firstModernRevision } from '../../mcp/revisions.ts';
import type { UpstreamLimits } from '../limits.ts';
import type { Upstream } from '../upstream.ts';
import { modernRequest, modernPost } from './modern-request.ts';
import { readMessages } from './read-messages.ts';

/** What a server is known to speak, found out when it matters. */
export interface ServerSpeech {
  /** Whether the server speaks the modern era, at once when that is known. Throws the fault of a server that cannot be asked. */
  modern(): boolean | Promise<boolean>;
  /** What was found out about a session handshake that passed by; null is not known. */
  legacy: boolean | null;
  /** What is known turned out wrong, or the server failed: it is found out again. */
  doubt(): void;
}

export interface ServerSpeechOptions {
  readonly inner: Upstream;
  readonly era: 'auto' | 'modern' | 'legacy';
  /** Whether silence means the legacy era, as it does over stdio. */
  readonly silenceIsLegacy: boolean;
  readonly clock: Clock;
  readonly limits: UpstreamLimits;
}

/** Who asks when the gateway asks for itself: the name of no agent, so that nothing is shared with one. */
const prober = 'countersign:gateway';

export function createServerSpeech(options: ServerSpeechOptions): ServerSpeech {
  const { era, clock, limits } = options;
  let asked: { readonly modern: Promise<boolean>; found: boolean | null; readonly since: number } | null =
    null;
  let legacy = era === 'auto' ? null : era === 'legacy';

  const ask = (): Promise<boolean> => {
    const modern = probe(options);
    const mine = { modern, found: null as boolean | null, since: clock.monotonic() };
    asked = mine;
    modern.then(
      (found) => (mine.found = found),
      // A server that could not be asked is asked again by the next who needs to know.
      () => {
        if (asked === mine) asked = null;
      },
    );
    return modern;
  };

  return {
    modern: () => (era === 'auto' ? (asked?.found ?? asked?.modern ?? ask()) : era === 'modern'),
    get legacy() {
      return legacy;
    },
    set legacy(found) {
      if (era === 'auto') legacy = found;
    },
    doubt() {
      if (era !== 'auto') return;
      if (asked && clock.monotonic() - asked.since < limits.leastVerdictMilliseconds) return;
      asked = null;
      legacy = null;
    },
  };
}

/** MCP 2026-07-28, Versioning: `server/discover` tells the eras apart and changes nothing at the server. */
async function probe({ inner, silenceIsLegacy, limits }: ServerSpeechOptions): Promise<boolean> {
  const signal = AbortSignal.timeout(limits.probeMilliseconds);
  try {
    const request = modernRequest({ id: 'countersign-probe', method: 'server/discover', params: {} });
    const response = await inner.send(modernPost(request, { caller: prober, signal }));
    if (response.status >= 500 || response.status === 403 || response.status === 429) {
      throw new Fault('upstream_failed', `MCP server ${inner.name} answered ${response.status}.`);
    }
    for await (const message of readMessages(response)) {
      if (message['id'] === 'countersign-probe' || message['error'] !== undefined) return isModern(message);
    }
    return false;
  } catch (error) {
    const fault = toFault(error);
    // MCP 2026-07-28, stdio: a probe that times out means the legacy era, and so does a child that cannot bear it.
    const silent = fault.code === 'upstream_timeout' || fault.code === 'upstream_failed' || signal.aborted;
    if (silenceIsLegacy && silent) return false;
    if (signal.aborted) {
      throw new Fault(
        'upstream_timeout',
        `MCP server ${inner.name} did not say in ${limits.probeMilliseconds} ms what it speaks.`,
        { cause: error },
      );
    }
    throw fault;
  } finally {
    await inner.endCaller(prober).catch(() => undefined);
  }
}

/** The errors that only the modern era has (MCP 2026-07-28, Basic, Error Codes). */
const modernErrors: ReadonlySet<unknown> = new Set([-32020, -32021, -32022]);

function isModern(answer: JsonObject): boolean {
  const { result, error } = answer;
  if (isJsonObject(result)) {
    const supported = result['supportedVersions'];
    return isJsonArray(supported) && supported.some(isModernRevision);
  }
  if (!isJsonObject(error) || !modernErrors.has(error['code'])) return false;
  const data = isJsonObject(error['data']) ? error['data'] : {};
  const supported = data['supported'];
  // A server that names what it supports, and nothing modern among it, has told more than the code.
  return !isJsonArray(supported) || supported.some(isModernRevision);
}

function isModernRevision(revision: unknown): boolean {
  return typeof revision === 'string' && revision >= firstModernRevision;
}
