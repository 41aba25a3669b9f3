import {
  type RecordType as CedarRecord,
  type SchemaJson,
  schemaToJson,
  schemaToText,
} from '@cedar-policy/cedar-wasm/nodejs';
import { schemaText } from '../schema.ts';
import { cedarTypeOf, type RecordType } from './argument-type.ts';
import type { KnownTools } from './known-tools.ts';

/**
 * The schema of policies with one more action for the calls of each tool, by the name given, whose arguments have the
 * types of that tool, and those given besides: Cedar knows the context by the action alone.
 */
export function toolSchema(
  tools: ReadonlyMap<string, RecordType>,
  besides: CedarRecord<string>['attributes'],
): SchemaJson<string> {
  const answer = schemaToJson(schemaText());
  const base = answer.type === 'success' ? answer.json[''] : undefined;
  const call = base?.actions['tools/call'];
  const context = call?.appliesTo?.context;
  if (!base || !call?.appliesTo || !context || !('attributes' in context)) {
    throw new TypeError('the schema of policies is not valid');
  }
  const { appliesTo } = call;
  const calls = [...tools].map(([name, record]) => {
    const type = cedarTypeOf(record);
    const members = 'attributes' in type ? type.attributes : {};
    const given = { type: 'Record', attributes: { ...members, ...besides } } as const;
    const attributes = { ...context.attributes, arguments: given };
    return [name, { ...call, appliesTo: { ...appliesTo, context: { ...context, attributes } } }] as const;
  });
  return { '': { ...base, actions: { ...base.actions, ...Object.fromEntries(calls) } } };
}

/** The schema with an action `tools/call server/tool` for every known tool, in Cedar's own language. */
export function toolSchemaText({ servers }: KnownTools): string {
  const tools = [...servers].flatMap(([server, known]) =>
    [...known].map(([name, record]) => [`tools/call ${server}/${name}`, record] as const),
  );
  const answer = schemaToText(toolSchema(new Map(tools), {}));
  if (answer.type === 'success') return answer.text;
  throw new TypeError(`the schema of the tools is not one that Cedar takes: ${answer.errors[0]?.message}`);
}
