import { z } from 'zod';
import { utf8 } from '../../kernel/bytes.ts';
import { errorText } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import type { PolicyFile } from '../feed/feed-message.ts';
import type { SharedText } from './shared-text.ts';

/** The policies that all authorities of a store have in force. */
export interface SharedPolicies {
  /** What is in force at the others; null before anybody has said it. Counts as taken here. */
  begin(): Promise<readonly PolicyFile[] | null>;
  /** Tells the others what is in force here now. What they have put in force meanwhile stays, and is taken at the next look. */
  tell(files: readonly PolicyFile[]): Promise<void>;
  /** Takes what another has put in force since the last look. */
  look(adopt: (files: readonly PolicyFile[]) => Promise<void>): Promise<void>;
}

const shape = z.array(z.strictObject({ name: z.string().max(255), text: z.string() }));

/** `log` is told of what cannot be taken, once. */
export function sharedPolicies(text: SharedText, log: (line: string) => void): SharedPolicies {
  let step = 0;
  let known = '';
  let failing = '';
  const read = async (): Promise<readonly PolicyFile[] | null> => {
    const stored = await text.read();
    if (!stored) return null;
    const files = shape.parse(parseJson(utf8(stored.text), { depth: 4, values: 100_000 }));
    step = stored.step;
    known = stored.text;
    return files;
  };
  return {
    begin: read,
    async tell(files) {
      const next = textOf(files);
      if (next === known) return;
      if (!(await text.put(step, next))) {
        log(
          'Policies were put in force at another authority at the same time. Those count, and are put into the folder here.',
        );
        return;
      }
      step += 1;
      known = next;
    },
    async look(adopt) {
      if ((await text.last()) <= step) return;
      try {
        const files = await read();
        if (files) await adopt(files);
        failing = '';
      } catch (error) {
        const why = errorText(error);
        if (failing !== why) log(`The policies of the other authorities cannot be put in force here: ${why}`);
        failing = why;
      }
    },
  };
}

function textOf(files: readonly PolicyFile[]): string {
  return JSON.stringify(files.map(({ name, text }) => ({ name, text })));
}
