import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';

const versionKey = 'io.modelcontextprotocol/protocolVersion';
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities';

/** The metadata that every modern request carries (MCP 2026-07-28, Basic, `_meta`). */
export interface Envelope {
  /** The revision the message claims, or null: then it is of the legacy era. */
  readonly revision: string | null;
  /** Which required member is missing or of the wrong kind, or null. */
  readonly wrong: string | null;
}

/** Reads the metadata of a request or notification. */
export function readEnvelope(params: JsonObject): Envelope {
  const meta = params['_meta'];
  if (!isJsonObject(meta) || !Object.hasOwn(meta, versionKey)) return { revision: null, wrong: null };
  const revision = meta[versionKey];
  if (typeof revision !== 'string') return { revision: '', wrong: `params._meta["${versionKey}"]` };
  return {
    revision,
    wrong: isJsonObject(meta[capabilitiesKey]) ? null : `params._meta["${capabilitiesKey}"]`,
  };
}
