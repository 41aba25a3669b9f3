/** What a policy may name, as one table each; the Cedar schema, the checks and `docs/policy.md` follow from it. */

type ResourceType = 'Server' | 'Tool' | 'Prompt' | 'Resource';

export interface ActionRow {
  /** The groups that it belongs to. */
  readonly groups: readonly ('read' | 'tasks')[];
  /** The entity types that the method is asked about. */
  readonly on: readonly ResourceType[];
  /** Whether the request carries arguments that policies can look at. */
  readonly arguments: boolean;
}

const read = { groups: ['read'], on: ['Server'], arguments: false } as const;
const task = { groups: ['tasks'], on: ['Server'], arguments: false } as const;
const resource = { groups: [], on: ['Resource'], arguments: false } as const;

/** Every action: the MCP methods of both eras by name, and `other` for a method that is not among them. */
export const actions: Readonly<Record<string, ActionRow>> = {
  initialize: read,
  'server/discover': read,
  ping: read,
  'tools/list': read,
  'prompts/list': read,
  'resources/list': read,
  'resources/templates/list': read,
  'completion/complete': { groups: ['read'], on: ['Prompt', 'Resource'], arguments: false },
  'subscriptions/listen': read,
  'logging/setLevel': read,
  'tools/call': { groups: [], on: ['Tool'], arguments: true },
  'prompts/get': { groups: [], on: ['Prompt'], arguments: true },
  'resources/read': resource,
  'resources/subscribe': resource,
  'resources/unsubscribe': resource,
  'tasks/get': task,
  'tasks/list': task,
  'tasks/result': task,
  'tasks/cancel': task,
  'tasks/update': task,
  other: { groups: [], on: ['Server', 'Tool', 'Prompt', 'Resource'], arguments: true },
};

export const actionGroups = ['read', 'tasks'] as const;

/** The entity types with their parents and attributes; all attributes are always there. */
export const entityTypes: Readonly<
  Record<string, { readonly in: readonly string[]; readonly attributes: readonly string[] }>
> = {
  Role: { in: [], attributes: [] },
  Agent: { in: ['Role'], attributes: ['name', 'owner', 'profile'] },
  Server: { in: [], attributes: ['name'] },
  Tool: { in: ['Server'], attributes: ['name', 'server'] },
  Prompt: { in: ['Server'], attributes: ['name', 'server'] },
  Resource: { in: ['Server'], attributes: ['name', 'server', 'uri'] },
};

/** The members of the context with their Cedar types. */
export const contextMembers = {
  arguments: '{}',
  method: 'String',
  time: 'Long',
  address: 'String',
  ip: 'ipaddr',
  profile: 'String',
  binding: 'String',
  person: 'String',
  client: 'String',
  scopes: 'Set<String>',
  acr: 'String',
  actor: 'String',
  actors: 'Set<String>',
  key: 'String',
  labels: 'Set<String>',
  touched: 'Set<String>',
  passport: 'String',
  passportScopes: 'Set<String>',
  passportValues: 'Set<String>',
  passportReputation: 'Long',
  passportReversibility: 'String',
} as const;

/** Those that are left out where there is nothing to say: the address is no IP address, the token says no person. */
export const optionalMembers: ReadonlySet<string> = new Set([
  'ip',
  'person',
  'client',
  'acr',
  'actor',
  'passport',
]);

export type ContextMember = keyof typeof contextMembers;

/** The action that a method is decided as. */
export function actionOf(method: string): string {
  return Object.hasOwn(actions, method) ? method : 'other';
}

/**
 * The schema in Cedar's own language, for editors and other tools. `argumentsType` is the type of `context.arguments`,
 * whose members no schema can know: they are whatever the tool takes.
 */
export function schemaText(argumentsType: string = contextMembers.arguments): string {
  return [
    ...Object.entries(entityTypes).map(([name, row]) => entityText(name, row)),
    'entity Null enum ["null"];',
    ...actionGroups.map((group) => `action "${group}";`),
    ...Object.entries(actions).map(([name, row]) => actionText(name, row, argumentsType)),
    '',
  ].join('\n');
}

function entityText(name: string, row: (typeof entityTypes)[string]): string {
  const parents = row.in.length === 0 ? '' : ` in [${row.in.join(', ')}]`;
  const attributes = row.attributes.map((attribute) => `${attribute}: String`).join(', ');
  return `entity ${name}${parents}${attributes === '' ? '' : ` = { ${attributes} }`};`;
}

function actionText(name: string, row: ActionRow, argumentsType: string): string {
  const groups =
    row.groups.length === 0 ? '' : ` in [${row.groups.map((group) => `Action::"${group}"`).join(', ')}]`;
  const context = Object.entries(contextMembers)
    .filter(([member]) => member !== 'arguments' || row.arguments)
    .map(([member, type]) => {
      if (member === 'arguments') return `arguments: ${argumentsType}`;
      return `${member}${optionalMembers.has(member) ? '?' : ''}: ${type}`;
    });
  return [
    `action "${name}"${groups} appliesTo {`,
    `  principal: [Agent],`,
    `  resource: [${row.on.join(', ')}],`,
    `  context: { ${context.join(', ')} }`,
    `};`,
  ].join('\n');
}
