import { z } from 'zod';
import { readPrivateFile, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { randomId } from '../../kernel/random.ts';

/** Which of the authorities of a store a folder is. */
export interface Instance {
  /** Never another's, and the same for as long as the folder lives. */
  readonly id: string;
  /** For people, and in the origin of its logs. */
  readonly name: string;
  /** Whether it was there before the others: its logs go on under the name they had. */
  readonly isFirst: boolean;
}

/** What the names of authorities look like. */
export const instanceName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const file = z.strictObject({
  format: z.literal(1),
  id: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/),
  name: z.string().regex(instanceName),
  isFirst: z.boolean(),
});

/** Null when there is none: the folder is of an authority that was alone so far. Throws Fault `state_damaged`, `file_mode`. */
export async function readInstance(path: string): Promise<Instance | null> {
  try {
    const { format: _format, ...instance } = file.parse(parseJson(await readPrivateFile(path)));
    return instance;
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'not_found') return null;
    if (cause instanceof Fault && cause.code === 'file_mode') throw cause;
    throw new Fault('state_damaged', `${path} cannot be read. Restore the folder from a backup.`, { cause });
  }
}

/** Names an authority. Throws Fault `invalid_input` for what is no name. */
export async function writeInstance(path: string, of: Omit<Instance, 'id'>): Promise<Instance> {
  if (!instanceName.test(of.name)) {
    throw new Fault(
      'invalid_input',
      `${JSON.stringify(of.name)} is no name of an authority: small letters, digits and hyphens, such as b or berlin-2.`,
    );
  }
  const instance = { ...of, id: randomId() };
  await writeDurably(path, JSON.stringify({ format: 1, ...instance }));
  return instance;
}

/** The origin of a log of an authority: the first one's is that of an authority that is alone. */
export function originOf(base: string, instance: Pick<Instance, 'name' | 'isFirst'> | null): string {
  return instance === null || instance.isFirst ? base : `${base}/${instance.name}`;
}
