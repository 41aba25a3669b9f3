import { z } from 'zod';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type ApprovalRule, approvableDoors } from '../../enrol/approval/approval-rules.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';
import { explainIssue } from './explain-issue.ts';
import { refusePlaintextSecrets } from '../../secrets/plaintext-secret.ts';
import { readYaml } from './read-yaml.ts';

/** Where a register of devices is, or a webhook that knows. References stand for secrets. */
export type ConfiguredChecker = { readonly ca: string | null; readonly privateAddresses: boolean } & (
  | { readonly type: 'webhook'; readonly url: string; readonly secret: string }
  | {
      readonly type: 'intune';
      readonly url: string;
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly grace: boolean;
    }
  | {
      readonly type: 'jamf';
      readonly url: string;
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly group: string;
    }
);

export interface ConfiguredDevices {
  readonly checker: ConfiguredChecker;
  readonly kinds: readonly LeafKind[];
  readonly withoutDevice: 'refuse' | 'permit';
  /** How often every device with a live certificate is asked about, and how long one answer may take, in milliseconds. */
  readonly every: number;
  readonly patience: number;
}

/** What is asked for before a certificate is issued. */
export interface IssuanceRules {
  readonly devices: ConfiguredDevices | null;
  /** In order: the first that fits a request counts. */
  readonly approvals: readonly ApprovalRule[];
}

const leafKinds = ['agent', 'ephemeral', 'server', 'gateway', 'admin'] as const;
const words = z.string().min(1).max(1_024);
const reference = z
  .string()
  .regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/\S+)$/, 'must be env:NAME or file:/path, where the secret is')
  .max(1_024);
const https = z
  .string()
  .regex(
    /^https:\/\/[^\s?#]+$|^http:\/\/(127\.0\.0\.1|localhost)(:\d+)?(\/[^\s?#]*)?$/,
    'must be a URL of https',
  );
const common = {
  ca: words.optional().meta({ description: 'A file of the only authorities that vouch for it.' }),
  privateAddresses: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether it may have an address that is not public.' }),
};
const account = { clientId: words, clientSecret: reference, ...common };

const devices = z
  .strictObject({
    webhook: z.strictObject({ url: https, secret: reference, ...common }).optional(),
    intune: z
      .strictObject({
        tenant: z.string().regex(/^[\w.-]{1,100}$/, 'must be a tenant id or domain'),
        url: https.default('https://graph.microsoft.com'),
        login: https.default('https://login.microsoftonline.com'),
        grace: z.boolean().default(false).meta({ description: 'Whether inGracePeriod is compliant.' }),
        ...account,
      })
      .optional(),
    jamf: z
      .strictObject({
        url: https,
        group: words.meta({ description: 'The smart group of compliant computers.' }),
        ...account,
      })
      .optional(),
    kinds: z
      .array(z.enum(['agent', 'ephemeral']))
      .min(1)
      .default(['agent', 'ephemeral']),
    withoutDevice: z
      .enum(['refuse', 'permit'])
      .default('refuse')
      .meta({ description: 'What happens with an agent of which no device is known.' }),
    everyMinutes: z.int().min(1).max(1_440).default(15).meta({
      description: 'How often every device with a live certificate is asked about.',
    }),
    timeoutMilliseconds: z.int().min(100).max(60_000).default(5_000),
  })
  .refine(
    ({ webhook, intune, jamf }) => [webhook, intune, jamf].filter(Boolean).length === 1,
    'must have one of webhook, intune and jamf',
  );

const approval = z.strictObject({
  doors: z
    .array(z.enum(approvableDoors))
    .min(1)
    .default([...approvableDoors])
    .meta({ description: 'By which way in; all of them unless given.' }),
  kinds: z
    .array(z.enum(leafKinds))
    .min(1)
    .default([...leafKinds])
    .meta({ description: 'For what; everything unless given.' }),
  names: z
    .array(z.string().regex(/^[a-z0-9._*-]{1,80}$/, 'must be a name, with * for any characters'))
    .max(100)
    .default([])
    .meta({ description: 'Under which names; all of them unless given.' }),
  action: z.enum(['wait', 'pass']).default('wait').meta({ description: 'What happens with such a request.' }),
  hours: z.int().min(1).max(168).default(24).meta({ description: 'How long it waits and can be used.' }),
  byAnother: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether it has to be somebody else than who stands behind the request.' }),
});

const schema = z
  .strictObject({
    approvals: z
      .array(approval)
      .max(100)
      .default([])
      .meta({ description: 'Which requests wait for an administrator: the first rule that fits counts.' }),
    devices: devices.optional().meta({ description: 'Devices have to be compliant.' }),
  })
  .meta({ title: 'Countersign issuance' });

/** The JSON Schema (draft 2020-12) of the file, for editors. */
export function issuanceJsonSchema(): JsonObject {
  return z.toJSONSchema(schema, { io: 'input' }) as unknown as JsonObject;
}

/** Reads the file whole. Throws Fault `config_invalid` that names the line, what is wrong and the nearest known name. */
export function readIssuance(file: string, text: string): IssuanceRules {
  const yaml = readYaml(file, text);
  refusePlaintextSecrets(yaml.json, file);
  const checked = schema.safeParse(yaml.json);
  if (!checked.success) {
    const problems = checked.error.issues.map((issue) =>
      explainIssue(issue, yaml.line, issuanceJsonSchema()),
    );
    throw new Fault('config_invalid', `${file}: ${problems.join(' ')}`);
  }
  const { devices: read, approvals } = checked.data;
  return Object.freeze({
    devices: read ? toDevices(read) : null,
    approvals: Object.freeze(approvals.map(({ hours, ...rule }) => ({ ...rule, life: hours * 3_600_000 }))),
  });
}

type Read = z.output<typeof devices>;

function toDevices(read: Read): ConfiguredDevices {
  return Object.freeze({
    checker: Object.freeze(toChecker(read)),
    kinds: Object.freeze(read.kinds),
    withoutDevice: read.withoutDevice,
    every: read.everyMinutes * 60_000,
    patience: read.timeoutMilliseconds,
  });
}

function toChecker({ webhook, intune, jamf }: Read): ConfiguredChecker {
  if (webhook) return { type: 'webhook', ...webhook, ca: webhook.ca ?? null };
  if (intune) {
    const { tenant, login, ...rest } = intune;
    const tokenUrl = new URL(`/${tenant}/oauth2/v2.0/token`, login).href;
    return { type: 'intune', ...rest, tokenUrl, ca: intune.ca ?? null };
  }
  if (!jamf) throw new Fault('internal', 'No checker was read.');
  return { type: 'jamf', ...jamf, tokenUrl: new URL('/api/oauth/token', jamf.url).href, ca: jamf.ca ?? null };
}
