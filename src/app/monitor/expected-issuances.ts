import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { fitsPattern } from '../../kernel/fits-pattern.ts';
import { explainIssue } from '../config/explain-issue.ts';
import { readYaml } from '../config/read-yaml.ts';
import { type LeafKind, leafProfiles } from '../../x509/leaf-profile.ts';
import type { Issuance } from './alert.ts';

const leafKinds = Object.keys(leafProfiles) as LeafKind[];
const words = z.string().min(1).max(300);
const pattern = z
  .string()
  .regex(/^[a-z0-9*]([a-z0-9._*-]{0,62}[a-z0-9*])?$/, 'must be a name; * stands for any characters');

const rule = z.strictObject({
  name: pattern.meta({ description: 'The name of the certificate; * stands for any characters.' }),
  kinds: z.array(z.enum(leafKinds)).min(1).optional(),
  doors: z.array(words).min(1).max(64).optional(),
  owners: z.array(words).min(1).max(256).optional(),
  keys: z.array(z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be a SHA-256 in base64url')).optional(),
});

const schema = z.strictObject({ expected: z.array(rule).max(4_096) });

/** Whether an issuance is one that was expected. */
export type Expected = (issuance: Issuance) => boolean;

/**
 * Reads the list of what may be issued: an issuance is expected when one entry fits it in everything that it names; an empty
 * list expects nothing. Throws Fault `config_invalid` that names the line.
 */
export function readExpected(file: string, text: string): Expected {
  const yaml = readYaml(file, text);
  const checked = schema.safeParse(yaml.json);
  if (!checked.success) {
    const json = z.toJSONSchema(schema, { io: 'input' }) as unknown as JsonObject;
    const problems = checked.error.issues.map((issue) => explainIssue(issue, yaml.line, json));
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  const rules = checked.data.expected.map(({ name, ...rest }) => ({ names: nameFilter([name]), ...rest }));
  return (issuance) =>
    rules.some(
      ({ names, kinds, doors, owners, keys }) =>
        names(issuance.name) &&
        fits(kinds, issuance.kind) &&
        fits(doors, issuance.door) &&
        fits(owners, issuance.owner) &&
        fits(keys, issuance.keyHash),
    );
}

/** Whether a name fits one of the patterns; every name fits none of none. */
export function nameFilter(patterns: readonly string[]): (name: string) => boolean {
  const wrong = patterns.find((text) => !pattern.safeParse(text).success);
  if (wrong !== undefined) {
    throw new Fault('invalid_input', `${JSON.stringify(wrong)} is no name; * stands for any characters.`);
  }
  return (name) => patterns.length === 0 || patterns.some((text) => fitsPattern(text, name));
}

function fits(allowed: readonly string[] | undefined, value: string | null): boolean {
  return allowed === undefined || (value !== null && allowed.includes(value));
}
