import { z } from 'zod';
import type { DeviceRule } from '../../enrol/attest/attestation-rules.ts';
import type { AttestationMaker } from '../../enrol/attest/attestation-rules.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { explainIssue } from './explain-issue.ts';
import { readYaml } from './read-yaml.ts';

/** Somebody who vouches for devices, by the file of their roots. */
export type ConfiguredMaker = Omit<AttestationMaker, 'roots'> & { readonly file: string };

export interface ConfiguredAttestation {
  readonly makers: readonly ConfiguredMaker[];
  readonly devices: readonly DeviceRule[];
}

const patterns = z
  .array(z.string().regex(/^[\x21-\x7e]{1,260}$/, 'must be a name, with * for any characters'))
  .min(1)
  .max(1_000);

const maker = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/, 'must be 1 to 64 of a-z, 0-9 and "-"')
    .meta({ description: 'What refusals and the log call them.' }),
  format: z.enum(['tpm', 'apple', 'android-key']).meta({ description: 'The format of their attestations.' }),
  roots: z.string().min(1).max(1_024).meta({
    description: 'The file of their root certificates, in PEM; a relative path is one beside this file.',
  }),
  identifiers: patterns
    .default(['*'])
    .meta({ description: 'The devices that they may speak for; all of them unless given.' }),
});

const device = z.strictObject({
  kind: z.enum(['agent', 'server']).meta({ description: 'What shows a device.' }),
  names: patterns.meta({ description: 'Under which names.' }),
  identifiers: patterns.meta({ description: 'Which devices.' }),
});

const schema = z
  .strictObject({
    makers: z
      .array(maker)
      .min(1)
      .max(32)
      .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'must have each name once')
      .meta({ description: 'Who vouches for devices.' }),
    devices: z.array(device).max(256).default([]).meta({
      description:
        'Devices that servers may show, and agents of which none is on record. An agent with a device on record shows that one.',
    }),
  })
  .meta({ title: 'Countersign attestation' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function attestationJsonSchema(): JsonObject {
  return z.toJSONSchema(schema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readAttestation(file: string, text: string): ConfiguredAttestation {
  const yaml = readYaml(file, text);
  const checked = schema.safeParse(yaml.json);
  if (!checked.success) {
    const problems = checked.error.issues.map((issue) =>
      explainIssue(issue, yaml.line, attestationJsonSchema()),
    );
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  const { makers, devices } = checked.data;
  return { makers: makers.map(({ roots, ...rest }) => ({ ...rest, file: roots })), devices };
}
