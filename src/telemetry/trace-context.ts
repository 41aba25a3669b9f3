/** Which trace something is part of, and the span it happens in (W3C Trace Context §3.2). */
export interface TraceContext {
  /** 32 hexadecimal digits, lower case. */
  readonly traceId: string;
  /** 16 of them. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** What other systems say of the trace, as it was given; null for nothing. */
  readonly state: string | null;
}

/** The longest `tracestate` that is passed on, in octets (W3C Trace Context §3.3.1.5). */
const longestState = 512;
const mostMembers = 32;
const key = /^([a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const value = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * Reads `traceparent` and `tracestate`. What is not exactly as W3C Trace Context says is no context at all, and a
 * state that is not is none; nothing is repaired.
 */
export function readTraceContext(parent: unknown, state: unknown): TraceContext | null {
  if (typeof parent !== 'string' || parent.length < 55 || parent.length > 256) return null;
  const read = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(parent);
  if (!read) return null;
  const [, version = '', traceId = '', spanId = '', flags = '', more] = read;
  // §3.2.2: version ff is none; version 00 has nothing behind its flags, later ones may.
  if (version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1, state: readState(state) };
}

function readState(state: unknown): string | null {
  if (typeof state !== 'string' || state === '' || state.length > longestState) return null;
  const members = state
    .split(',')
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '');
  if (members.length === 0 || members.length > mostMembers) return null;
  const keys = new Set<string>();
  for (const member of members) {
    const at = member.indexOf('=');
    const name = member.slice(0, at);
    if (at < 1 || !key.test(name) || !value.test(member.slice(at + 1)) || keys.has(name)) return null;
    keys.add(name);
  }
  return members.join(',');
}

/** The `traceparent` that says this. */
export function traceParent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}
