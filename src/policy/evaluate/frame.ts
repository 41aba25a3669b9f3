import { assertNever } from '../../kernel/assert-never.ts';
import { Fault } from '../../kernel/fault.ts';
import { ipText } from '../ip-text.ts';
import { passportMembers } from '../passport-members.ts';
import type { Question } from '../question.ts';
import { actionOf, actions } from '../schema.ts';
import { addressRange } from './ip-functions.ts';
import { entity, type EntityValue, open, type Outcome, SetValue } from './value.ts';

/** A question as expressions see it: three entities that exist, and the context. */
export interface Frame {
  readonly principal: KnownEntity;
  readonly action: KnownEntity;
  readonly resource: KnownEntity;
  /** What is not known yet is `open`. */
  readonly context: Context;
}

/** The members of the context. */
export interface Context extends Iterable<[string, Outcome]> {
  get(name: string): Outcome | undefined;
  has(name: string): boolean;
}

/** A context in which arguments and time are no longer open, without a copy of the rest. */
export class FilledContext implements Context {
  private readonly before: Context;
  private readonly given: Outcome;
  private readonly time: Outcome;

  constructor(before: Context, given: Outcome, time: Outcome) {
    this.before = before;
    this.given = given;
    this.time = time;
  }

  get(name: string): Outcome | undefined {
    if (name === 'time') return this.time;
    return name === 'arguments' && this.before.has(name) ? this.given : this.before.get(name);
  }

  has(name: string): boolean {
    return this.before.has(name);
  }

  *[Symbol.iterator](): Generator<[string, Outcome]> {
    for (const [name, member] of this.before) yield [name, this.get(name) ?? member];
  }
}

export interface KnownEntity {
  readonly entity: EntityValue;
  /** The keys of the entities that it is in; they have no parents of their own in this schema. */
  readonly parents: ReadonlySet<string>;
  readonly attributes: ReadonlyMap<string, string>;
}

/** What a question says of everything but the target: the same for all items of a list. */
export type CallerFrame = Omit<Frame, 'resource'>;

/**
 * The caller's part of a question, with arguments and time left open. Throws Fault `invalid_input` for names that no
 * policy can speak of.
 */
export function callerFrame(question: Question): CallerFrame {
  const { agent, context } = question;
  const action = actionOf(question.action);
  const groups = actions[action]?.groups ?? [];
  const { passport, person, client, acr, scopes, actors } = context;
  refuseIllFormed([agent.name, agent.owner, ...agent.roles, question.action]);
  if (passport) refuseIllFormed([passport.issuer, ...passport.scopes, ...passport.values]);
  refuseIllFormed([person ?? '', client ?? '', acr ?? '', ...scopes, ...actors]);
  refuseIllFormed([...context.labels, ...context.touched]);
  return {
    principal: {
      entity: entity('Agent', agent.name),
      parents: new Set(agent.roles.map((role) => entity('Role', role).key)),
      attributes: new Map([
        ['name', agent.name],
        ['owner', agent.owner],
        ['profile', context.profile],
      ]),
    },
    action: {
      entity: entity('Action', action),
      parents: new Set(groups.map((group) => entity('Action', group).key)),
      attributes: new Map(),
    },
    context: contextOf(question, action),
  };
}

/** The target of a question. Throws Fault `invalid_input` for names that no policy can speak of. */
export function targetOf({ server, target }: Pick<Question, 'server' | 'target'>): KnownEntity {
  const name = target.kind === 'server' ? '' : target.kind === 'resource' ? target.uri : target.name;
  refuseIllFormed([server, name]);
  // The first slash ends the server's name in `Tool::"server/tool"`; with one inside, two tools could share a name.
  if (server.includes('/')) throw new Fault('invalid_input', 'The name of the server holds a slash.');
  const parent = entity('Server', server);
  if (target.kind === 'server') {
    return { entity: parent, parents: new Set(), attributes: new Map([['name', server]]) };
  }
  const attributes = new Map([
    ['name', name],
    ['server', server],
  ]);
  if (target.kind === 'resource') attributes.set('uri', name);
  return {
    entity: entity(typeOf(target.kind), `${server}/${name}`),
    parents: new Set([parent.key]),
    attributes,
  };
}

function typeOf(kind: 'tool' | 'prompt' | 'resource'): string {
  switch (kind) {
    case 'tool':
      return 'Tool';
    case 'prompt':
      return 'Prompt';
    case 'resource':
      return 'Resource';
    default:
      return assertNever(kind);
  }
}

function contextOf({ action: method, context }: Question, action: string): Context {
  const members = new Map<string, Outcome>([
    ['method', method],
    ['time', open],
    ['address', context.address],
    ['profile', context.profile],
    ['binding', context.binding],
    ['key', context.key],
    ['scopes', new SetValue(context.scopes)],
    ['labels', new SetValue(context.labels)],
    ['touched', new SetValue(context.touched)],
    ['actors', new SetValue(context.actors)],
  ]);
  for (const name of ['person', 'client', 'acr'] as const) {
    const said = context[name];
    if (said !== null) members.set(name, said);
  }
  for (const [name, value] of passportMembers(context.passport)) {
    members.set(name, typeof value === 'object' ? new SetValue(value) : value);
  }
  const [actor] = context.actors;
  if (actor !== undefined) members.set('actor', actor);
  if (actions[action]?.arguments === true) members.set('arguments', open);
  const ip = ipText(context.address);
  const range = ip === null ? null : addressRange(ip);
  if (range) members.set('ip', range);
  return members;
}

/** A lone surrogate has no UTF-8 form: two different names would become the same one. */
function refuseIllFormed(names: readonly string[]): void {
  if (names.every((name) => name.isWellFormed())) return;
  throw new Fault('invalid_input', 'A name holds text that is not Unicode (a lone surrogate).');
}
