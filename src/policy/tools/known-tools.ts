import { z } from 'zod';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { argumentsOf, type RecordType } from './argument-type.ts';

/** The tools of servers, as the servers themselves define them. */
export interface KnownTools {
  /** By server, then by tool. A server that is not in it is not known yet. */
  readonly servers: ReadonlyMap<string, ReadonlyMap<string, RecordType>>;
}

/** A definition as in the result of `tools/list`; other members are not looked at. */
export interface ToolDefinition {
  readonly name: string;
  readonly inputSchema?: Json | undefined;
  /** What the server says of the tool. */
  readonly annotations?:
    | { readonly readOnlyHint?: boolean | undefined; readonly destructiveHint?: boolean | undefined }
    | undefined;
}

export function knownTools(definitions: ReadonlyMap<string, readonly ToolDefinition[]>): KnownTools {
  const servers = [...definitions].map(([server, tools]): [string, ReadonlyMap<string, RecordType>] => [
    server,
    new Map(tools.map(({ name, inputSchema }) => [name, argumentsOf(inputSchema)])),
  ]);
  return { servers: new Map(servers) };
}

const hints = z.looseObject({
  readOnlyHint: z.boolean().optional(),
  destructiveHint: z.boolean().optional(),
});
const listed = z.looseObject({
  tools: z.array(
    z.looseObject({
      name: z.string().min(1),
      inputSchema: z.json().optional(),
      annotations: hints.optional(),
    }),
  ),
});
const shape = z.record(z.string().regex(/^[^/]+$/, 'a name of a server holds no slash'), listed);

/** The tools of a file of definitions. Throws Fault `invalid_input`. */
export function readToolDefinitions(value: Json): KnownTools {
  return knownTools(readDefinitions(value));
}

/** A file of definitions: for each server the result of its `tools/list`. Throws Fault `invalid_input`. */
export function readDefinitions(value: Json): ReadonlyMap<string, readonly ToolDefinition[]> {
  const parsed = shape.safeParse(value);
  if (parsed.success) {
    return new Map(Object.entries(parsed.data).map(([server, { tools }]) => [server, tools]));
  }
  const [issue] = parsed.error.issues;
  const place = issue && issue.path.length > 0 ? `${issue.path.map(String).join('.')}: ` : '';
  throw new Fault(
    'invalid_input',
    `${place}${issue?.message ?? 'wrong input'}. The file maps each server to the result of its tools/list, such as {"files": {"tools": [{"name": "read", "inputSchema": {…}}]}}.`,
  );
}
