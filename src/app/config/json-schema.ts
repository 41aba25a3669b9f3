import { z } from 'zod';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import { configSchema } from './config.ts';

/** One thing that can be chosen. */
export interface Setting {
  /** Its members from the top, such as ['gateway', 'bodyBytes']. */
  readonly path: readonly string[];
  readonly type: 'integer' | 'string' | 'array';
  readonly default: Json;
  readonly meaning: string;
  /** Why the default is what it is. */
  readonly reason: string;
}

/** The JSON Schema (draft 2020-12) of the configuration file, for editors. */
export function configJsonSchema(): JsonObject {
  return z.toJSONSchema(configSchema, { io: 'input' }) as unknown as JsonObject;
}

/** Every setting, in the order of the schema. */
export function listSettings(): readonly Setting[] {
  return settingsOf(configJsonSchema(), []);
}

/** The variable of the environment that sets it: COUNTERSIGN_GATEWAY_BODY_BYTES. */
export function variableOf(path: readonly string[]): string {
  return ['countersign', ...path.map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`))]
    .join('_')
    .toUpperCase();
}

function settingsOf(schema: JsonObject, path: readonly string[]): readonly Setting[] {
  const properties = schema['properties'];
  if (isJsonObject(properties)) {
    return Object.entries(properties).flatMap(([name, member]) =>
      isJsonObject(member) ? settingsOf(member, [...path, name]) : [],
    );
  }
  return [
    {
      path,
      type: schema['type'] as Setting['type'],
      default: schema['default'] ?? null,
      meaning: textOf(schema, 'description'),
      reason: textOf(schema, 'reason'),
    },
  ];
}

function textOf(schema: JsonObject, member: string): string {
  const text = schema[member];
  return typeof text === 'string' ? text : '';
}
