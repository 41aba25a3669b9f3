import type { Type, TypeOfAttribute } from '@cedar-policy/cedar-wasm/nodejs';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { argumentName } from '../convert-arguments.ts';

/** What a JSON Schema lets an argument be, in the kinds that policies see. */
export type ArgumentType =
  | { readonly kind: 'text'; readonly among: readonly string[] | null }
  | { readonly kind: 'whole' }
  | { readonly kind: 'truth' }
  | { readonly kind: 'set'; readonly of: ArgumentType }
  | RecordType
  /** Anything, or of more than one kind: a `number` is a Long, a decimal or text, whatever was sent. */
  | { readonly kind: 'open' };

export interface RecordType {
  readonly kind: 'record';
  /** By the name that policies use. */
  readonly members: ReadonlyMap<string, Member>;
  /** Whether the schema says that there may be others. */
  readonly others: boolean;
}

export interface Member {
  readonly type: ArgumentType;
  readonly required: boolean;
}

const open: ArgumentType = Object.freeze({ kind: 'open' });
const noMembers: RecordType = Object.freeze({ kind: 'record', members: new Map(), others: true });
const deepest = 12;

/** The arguments of a tool with this `inputSchema`; a schema that cannot be read knows none and allows any. */
export function argumentsOf(schema: Json | undefined): RecordType {
  if (!isJsonObject(schema)) return noMembers;
  const type = typeOf({ type: 'object', ...schema }, schema, 0);
  return type.kind === 'record' ? type : noMembers;
}

function typeOf(schema: Json | undefined, root: JsonObject, depth: number): ArgumentType {
  if (!isJsonObject(schema) || depth > deepest) return open;
  const { $ref: reference, anyOf, oneOf, allOf, type, enum: values } = schema;
  if (typeof reference === 'string') return typeOf(referred(root, reference), root, depth + 1);
  // What several schemas have to say about one value is not put together here.
  if (allOf !== undefined || (anyOf !== undefined && oneOf !== undefined)) return open;
  const choices = anyOf ?? oneOf;
  if (choices !== undefined) {
    if (!Array.isArray(choices) || type !== undefined) return open;
    return common(choices.map((choice: Json) => typeOf(choice, root, depth + 1)));
  }
  const literals = 'const' in schema ? [schema['const'] ?? null] : Array.isArray(values) ? values : null;
  if (literals) return literalType(literals);
  return typeof type === 'string' ? namedType(type, schema, root, depth) : open;
}

function namedType(name: string, schema: JsonObject, root: JsonObject, depth: number): ArgumentType {
  switch (name) {
    case 'string':
      return { kind: 'text', among: null };
    case 'integer':
      return { kind: 'whole' };
    case 'boolean':
      return { kind: 'truth' };
    case 'array': {
      const of = typeOf(schema['items'], root, depth + 1);
      return of.kind === 'open' ? open : { kind: 'set', of };
    }
    case 'object':
      return recordType(schema, root, depth);
    default:
      return open;
  }
}

function recordType(schema: JsonObject, root: JsonObject, depth: number): ArgumentType {
  const { properties, required, additionalProperties, patternProperties } = schema;
  const needed = new Set(Array.isArray(required) ? required : []);
  const named = isJsonObject(properties) ? Object.entries(properties) : [];
  const members = named.map(([name, member]): readonly [string, Member] => [
    argumentName(name),
    { type: typeOf(member, root, depth + 1), required: needed.has(name) },
  ]);
  const told = additionalProperties !== undefined && additionalProperties !== false;
  // Nested objects without a word about their members are what the tool takes as it comes.
  const others = told || patternProperties !== undefined || (depth > 0 && named.length === 0);
  return { kind: 'record', members: new Map(members), others };
}

function literalType(values: readonly Json[]): ArgumentType {
  const texts = values.filter((value) => typeof value === 'string');
  if (texts.length === values.length && texts.length > 0) return { kind: 'text', among: texts };
  if (values.length > 0 && values.every((value) => Number.isSafeInteger(value))) return { kind: 'whole' };
  if (values.length > 0 && values.every((value) => typeof value === 'boolean')) return { kind: 'truth' };
  return open;
}

/** The type that all of them are; open when they differ. */
function common(types: readonly ArgumentType[]): ArgumentType {
  const [first] = types;
  if (!first) return open;
  const texts = types.filter((type) => type.kind === 'text');
  if (texts.length === types.length) {
    const some = texts.map(({ among }) => among).filter((among) => among !== null);
    return { kind: 'text', among: some.length === texts.length ? some.flat() : null };
  }
  const form = JSON.stringify(cedarTypeOf(first));
  return types.every((type) => JSON.stringify(cedarTypeOf(type)) === form) ? first : open;
}

/** `#/$defs/name` and the like, within the same schema. */
function referred(root: JsonObject, reference: string): Json | undefined {
  if (!reference.startsWith('#')) return undefined;
  let at: Json | undefined = root;
  for (const step of reference.slice(1).split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    at = isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  }
  return at;
}

/** The type in Cedar's JSON form. What is open stands as a Boolean, and no condition that reads it is put to Cedar. */
export function cedarTypeOf(type: ArgumentType): Type<string> {
  switch (type.kind) {
    case 'text':
      return { type: 'EntityOrCommon', name: 'String' };
    case 'whole':
      return { type: 'EntityOrCommon', name: 'Long' };
    case 'truth':
    case 'open':
      return { type: 'EntityOrCommon', name: 'Bool' };
    case 'set':
      return { type: 'Set', element: cedarTypeOf(type.of) };
    default:
      return { type: 'Record', attributes: attributesOf(type) };
  }
}

function attributesOf({ members }: RecordType): Record<string, TypeOfAttribute<string>> {
  return Object.fromEntries(
    [...members].map(([name, { type, required }]) => [name, { ...cedarTypeOf(type), required }]),
  );
}

/** What a path of names leads to in the arguments. */
export type Found =
  /** `declared`: the schema names it, rather than letting anything be there. */
  | { readonly kind: 'type'; readonly type: ArgumentType; readonly declared: boolean }
  /** `name` is not among the members of a record, which are `known`. */
  | { readonly kind: 'unknown'; readonly name: string; readonly known: readonly string[] };

export function lookUp(record: RecordType, path: readonly string[]): Found {
  let type: ArgumentType = record;
  for (const name of path) {
    if (type.kind === 'open') return { kind: 'type', type, declared: false };
    // What is no record has no members: Cedar says so itself.
    if (type.kind !== 'record') return { kind: 'type', type, declared: true };
    const member: Member | undefined = type.members.get(name);
    if (!member) {
      if (type.others) return { kind: 'type', type: open, declared: false };
      return { kind: 'unknown', name, known: [...type.members.keys()] };
    }
    type = member.type;
  }
  return { kind: 'type', type, declared: true };
}
