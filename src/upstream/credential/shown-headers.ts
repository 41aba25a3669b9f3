import type { Answer } from '../../http/outgoing.ts';
import { Fault } from '../../kernel/fault.ts';
import { hasReference } from '../../secrets/reference.ts';
import type { Secrets } from '../../secrets/resolve.ts';

/** The headers that a definition has shown to its server, with secrets in them. */
export interface ShownHeaders {
  /**
   * Makes the call with the headers as of now, and once more when the server does not take them (401) and one of their secrets has
   * been replaced meanwhile. Throws Fault `secret_unavailable` or `secret_unresolved`, and what `call` throws.
   */
  call(call: (headers: Readonly<Record<string, string>>) => Promise<Answer>): Promise<Answer>;
}

type Values = Readonly<Record<string, string>>;

const largestIgnoredOctets = 64 * 1024;

/** The values are texts with secret references in them. */
export function createShownHeaders(
  headers: Values,
  secrets: Pick<Secrets, 'resolve' | 'replaced'>,
): ShownHeaders {
  const texts = Object.entries(headers).map(([name, text]) => ({
    name: name.toLowerCase(),
    text,
    secret: hasReference(text),
  }));

  const current = async (): Promise<Record<string, string>> => {
    const shown: Record<string, string> = {};
    for (const { name, text, secret } of texts) {
      shown[name] = secret ? carried(await secrets.resolve(text), name, text) : text;
    }
    return shown;
  };
  const replaced = async (refused: Values): Promise<Values | null> => {
    const shown = { ...refused };
    let other = false;
    for (const { name, text, secret } of texts) {
      const next = secret ? await secrets.replaced(text, refused[name] ?? '') : null;
      if (next === null) continue;
      shown[name] = carried(next, name, text);
      other = true;
    }
    return other ? shown : null;
  };

  return {
    async call(call) {
      const shown = await current();
      const answer = await call(shown);
      if (answer.status !== 401) return answer;
      const next = await replaced(shown);
      if (!next) return answer;
      // RFC 9110 §15.5.2: nothing was done.
      await answer.whole(largestIgnoredOctets);
      return await call(next);
    },
  };
}

function carried(value: string, name: string, text: string): string {
  if (/^[\t\x20-\x7e]*$/.test(value)) return value;
  throw new Fault('secret_unresolved', `${text} holds characters that the header ${name} cannot carry.`);
}
