import { z } from 'zod';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { answerJson, readObject } from './json-exchange.ts';
import type { Holder, Route } from './route.ts';

const text = z.string().max(2_048);
const hash = z.string().regex(/^[\w-]{43}$/);

const askedCall = z.strictObject({
  digest: hash,
  agent: text,
  spiffeId: text,
  person: text.nullable(),
  client: text.nullable(),
  server: text,
  method: text,
  target: z.string().max(65_536),
  params: z.string().max(131_072),
  argumentsHash: hash,
  asks: z
    .array(z.strictObject({ policy: text, why: text, approver: z.enum(['anyone', 'another']) }))
    .min(1)
    .max(1_000),
  policyVersion: text,
  address: text,
});

const approval = z.strictObject({ id: z.string().max(64), digest: hash });

/** Where gateways have calls approved: what they say of a call is believed, because it is them that admitted the agent. */
export const callRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: /^\/v1\/calls\/ask$/,
    kinds: ['gateway'],
    async answer({ exchange, authority, holder }) {
      const { params, ...call } = read(askedCall, await readObject(exchange));
      const value = parseJson(params, { depth: 64, values: 100_000 });
      if (!isJsonObject(value)) throw new Fault('invalid_input', 'params must be the text of a JSON object.');
      const asked = { ...call, params: value };
      await answerJson(exchange, { ...(await authority.callApprovals.ask(asked, nameOf(holder))) });
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/calls\/use$/,
    kinds: ['gateway'],
    async answer({ exchange, authority, holder }) {
      const used = await authority.callApprovals.use(
        read(approval, await readObject(exchange)),
        nameOf(holder),
      );
      await answerJson(exchange, { used });
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/calls\/withdraw$/,
    kinds: ['gateway'],
    async answer({ exchange, authority, holder }) {
      await authority.callApprovals.withdraw(read(approval, await readObject(exchange)), nameOf(holder));
      await answerJson(exchange, {});
    },
  },
];

function nameOf(holder: Holder | null): string {
  if (holder) return holder.caller.name;
  throw new Fault('certificate_required', 'This needs the certificate of a gateway.');
}

function read<Shape extends z.ZodType>(shape: Shape, body: Json): z.output<Shape> {
  const parsed = shape.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Fault('invalid_input', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong input'}.`);
}
