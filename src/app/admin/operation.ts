import type { z } from 'zod';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import type { Authority } from '../authority/authority.ts';

/** Who gives an administrative order: the name in an admin certificate, or the owner of the data folder. */
export interface Actor {
  readonly name: string;
  /** `local`: opened the data folder itself. `remote`: an admin certificate over mutual TLS. */
  readonly way: 'local' | 'remote';
}

/** One administrative act. The table of all of them is `operations.ts`. */
export interface Operation {
  readonly name: string;
  /** Whether it changes anything; what does is recorded as `admin.command`. */
  readonly changes: boolean;
  /** Reads the input, then acts. Throws Fault `invalid_input` or what the act throws. */
  run(authority: Authority, input: unknown, actor: Actor): Promise<Json>;
}

/** Makes an operation of a schema and an act; the input is parsed once, unknown members are refused. */
export function operation<Schema extends z.ZodType>(
  name: string,
  changes: boolean,
  schema: Schema,
  act: (authority: Authority, input: z.output<Schema>, actor: Actor) => Promise<Json>,
): Operation {
  return {
    name,
    changes,
    async run(authority, input, actor) {
      const parsed = schema.safeParse(input);
      if (!parsed.success) throw inputFault(name, schema, parsed.error);
      const result = await act(authority, parsed.data, actor);
      if (changes) {
        await authority.audit.append({
          type: 'admin.command',
          actor: actor.name,
          way: actor.way,
          command: name,
        });
      }
      return result;
    },
  };
}

function inputFault(name: string, schema: z.ZodType, error: z.ZodError): Fault {
  const [issue] = error.issues;
  const path = issue?.path.join('.') ?? '';
  if (issue?.code === 'unrecognized_keys') {
    const known =
      'shape' in schema && typeof schema.shape === 'object' ? Object.keys(schema.shape ?? {}) : [];
    const key = issue.keys[0] ?? '';
    const nearest = suggest(key, known);
    return new Fault(
      'invalid_input',
      `${name} has no field ${key}.${nearest ? ` Did you mean ${nearest}?` : ''}`,
    );
  }
  return new Fault('invalid_input', `${name}: ${path ? `${path}: ` : ''}${issue?.message ?? 'wrong input'}.`);
}
