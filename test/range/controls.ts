import { honestTools, roles } from './honest-tools.ts';

/** What an operator can choose, one row each; an arm of the range has each of them on or off. */
export interface Controls {
  /** Tools are granted one by one, as the work needs them; off: every tool of every server. */
  readonly grants: boolean;
  /** Rules about arguments: whom mail goes to, which sites are fetched, what is deleted. */
  readonly arguments: boolean;
  /** Servers want a token that is bound to the certificate; off: a token by itself. */
  readonly tokens: boolean;
  /** Servers take the certificate of the gateway and no other; off: whoever knows the key. */
  readonly serverCertificates: boolean;
  /** Calls of an agent are counted; off: as many as it likes. */
  readonly limits: boolean;
  /** Tools are held to the definitions that were approved; off: whatever a server lists. */
  readonly pins: boolean;
  /** Rules about what was used before: labels of servers and tools. */
  readonly flow: boolean;
}

export interface Control {
  readonly id: keyof Controls;
  readonly title: string;
  /** What is in its place when it is off. */
  readonly off: string;
}

export const controlTable: readonly Control[] = [
  { id: 'grants', title: 'tools are granted one by one', off: 'every tool of every server is permitted' },
  {
    id: 'arguments',
    title: 'rules about arguments',
    off: 'a tool that is granted may be used with any arguments',
  },
  {
    id: 'tokens',
    title: 'tokens bound to the certificate',
    off: '`binding: bearer`: a stolen token works',
  },
  {
    id: 'serverCertificates',
    title: 'servers take the gateway alone',
    off: 'servers take whoever knows their key',
  },
  { id: 'limits', title: 'calls are counted', off: 'an agent calls as often as it likes' },
  {
    id: 'pins',
    title: 'tools are held to the definitions that were approved',
    off: '`tools: unpinned`: whatever a server lists',
  },
  { id: 'flow', title: 'rules about what was used before', off: 'each call is judged by itself' },
];

const chosen = { grants: true, tokens: true, serverCertificates: true, limits: true, pins: true };

/** The arms of the range by name; null is no gateway at all. */
export const arms: Readonly<Record<'none' | 'default' | 'strict', Controls | null>> = {
  none: null,
  default: { ...chosen, arguments: false, flow: false },
  strict: { ...chosen, arguments: true, flow: true },
};

/** The Cedar policies of an arm. */
export function policiesOf(controls: Controls): string {
  const grants = roles.flatMap((role) =>
    honestTools[role]
      .filter(({ needed }) => needed || !controls.grants)
      .map(({ name }) => permit(`resource == Tool::"${role}/${name}"`)),
  );
  const granted = controls.grants ? grants : [permit('resource')];
  return [
    looking,
    ...granted,
    ...(controls.arguments ? argumentRules : []),
    ...(controls.flow ? [flowRules] : []),
  ].join('\n');
}

/** Everybody may look around and use the desk; a reader may ask one server one thing, whatever an arm says. */
const looking = `permit (principal, action in Action::"read", resource);
permit (principal, action, resource in Server::"desk");
permit (principal in Role::"reader", action == Action::"tools/call", resource == Tool::"db/query");`;

function permit(resource: string): string {
  return `permit (principal in Role::"worker", action == Action::"tools/call", ${resource});`;
}

function unless(tool: string, condition: string): string {
  return `forbid (principal, action == Action::"tools/call", resource == Tool::"${tool}")\nunless { ${condition} };`;
}

const argumentRules: readonly string[] = [
  unless(
    'mail/send_mail',
    'context.arguments has to && context.arguments.to like "*@example.internal" && !(context.arguments.to like "*@*@*")',
  ),
  unless(
    'web/fetch',
    'context.arguments has url && context.arguments.url like "https://docs.example/*" && !(context.arguments.url like "*?*")',
  ),
  unless(
    'files/delete_file',
    'context.arguments has path && context.arguments.path like "/tmp/*" && !(context.arguments.path like "*..*")',
  ),
  unless(
    'db/query',
    'context.arguments has sql && context.arguments.sql like "select *" && !(context.arguments.sql like "*;*")',
  ),
];

/** As examples/flow-rules/flows.cedar has them, but for mail to colleagues, which is no way out here. */
const flowRules = `@id("private-to-public")
@ask("private data was used in this task, and this call could carry it outside")
forbid (principal, action == Action::"tools/call", resource)
when { context.touched.contains("private") && context.labels.contains("public-sink") }
unless {
  resource == Tool::"mail/send_mail" && context.arguments has to &&
  context.arguments.to like "*@example.internal" && !(context.arguments.to like "*@*@*")
};
@id("untrusted-to-destructive")
@ask("content of strangers was read in this task, and this call destroys")
forbid (principal, action == Action::"tools/call", resource)
when { context.touched.contains("untrusted") && context.labels.contains("destructive") };`;

/** What is said of the servers, in the form of `flows.yaml`. */
export const flowsYaml = `servers:
  mail: { tools: { read_mail: [private, untrusted], send_mail: [public-sink] } }
  files: { tools: { read_file: [private], delete_file: [destructive] } }
  git: { tools: { read_repo: [private], force_push: [destructive] } }
  db: { tools: { query: [private], drop_table: [destructive] } }
  web: { labels: [untrusted, public-sink] }
`;

/** The limits of an arm, in the form of `limits.yaml`. */
export function limitsOf({ limits }: Controls): string {
  if (!limits) return 'limits: []\n';
  return 'limits:\n  - name: each-worker\n    roles: [worker]\n    per: agent\n    budget: { hour: { calls: 100 } }\n';
}
