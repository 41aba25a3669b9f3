import { sha256Base64url } from '../../kernel/bytes.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { writeSpiffeBundle } from '../../x509/spiffe-bundle.ts';
import type { StoreMeta } from '../store/store.ts';

/** Seconds after which partners should fetch our bundle again: soon enough for a root that is about to come. */
const refreshHint = 300;
const fact = 'own-bundle';

/**
 * What partners know us by: the roots in force, as a SPIFFE bundle. Its sequence grows whenever they change, and beyond any that an
 * older backup may have given out, because it is the time of the change in seconds where that is more.
 */
export async function ownBundle(
  roots: readonly Certificate[],
  { meta, clock }: { readonly meta: StoreMeta; readonly clock: Clock },
): Promise<JsonObject> {
  const digest = sha256Base64url(roots.map(({ thumbprint }) => thumbprint).join(' '));
  const known = readFact(await meta.get(fact));
  let sequence = known?.sequence ?? 0;
  if (known?.digest !== digest) {
    sequence = Math.max(sequence + 1, Math.floor(clock.now() / 1_000));
    await meta.set(fact, JSON.stringify({ digest, sequence }));
  }
  return writeSpiffeBundle({ authorities: roots, sequence, refreshHint });
}

function readFact(text: string | null): { readonly digest: string; readonly sequence: number } | null {
  const value = text === null ? null : parseJson(text);
  if (!isJsonObject(value)) return null;
  const { digest, sequence } = value;
  return typeof digest === 'string' && typeof sequence === 'number' ? { digest, sequence } : null;
}
