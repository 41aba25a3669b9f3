import type { CedarValueJson, Context, Entities, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { assertNever } from '../kernel/assert-never.ts';
import { Fault } from '../kernel/fault.ts';
import { cedarArguments } from './cedar-arguments.ts';
import { ipText } from './ip-text.ts';
import type { Question } from './question.ts';
import { passportMembers } from './passport-members.ts';
import { actionOf, actions, type ContextMember } from './schema.ts';

/** A question in Cedar's terms. */
export interface CedarRequest {
  readonly principal: TypeAndId;
  readonly action: TypeAndId;
  readonly resource: TypeAndId;
  readonly context: Context;
  readonly entities: Entities;
}

/** A value that partial evaluation leaves open. */
const unknown: CedarValueJson = { __extn: { fn: 'unknown', arg: 'arguments' } };

/**
 * Builds the request with the members of the context that the policies read; what they do not read cannot matter.
 * With `open`, arguments are left unknown. Throws Fault `invalid_input` for arguments that Cedar cannot hold.
 */
export function cedarRequest(
  question: Question,
  reads: ReadonlySet<ContextMember>,
  open = false,
): CedarRequest {
  const { agent, context } = question;
  const principal = { type: 'Agent', id: agent.name };
  const action = { type: 'Action', id: actionOf(question.action) };
  const target = targetEntity(question);
  return {
    principal,
    action,
    resource: target.uid,
    context: contextOf(question, reads, open),
    entities: [
      {
        uid: principal,
        attrs: { name: agent.name, owner: agent.owner, profile: context.profile },
        parents: agent.roles.map((id) => ({ type: 'Role', id })),
      },
      target,
      {
        uid: action,
        attrs: {},
        parents: (actions[action.id]?.groups ?? []).map((id) => ({ type: 'Action', id })),
      },
    ],
  };
}

function targetEntity(question: Question): Entities[number] & { readonly uid: TypeAndId } {
  const { server, target } = question;
  // The first slash ends the server's name in `Tool::"server/tool"`; with one inside, two tools could share a name.
  if (server.includes('/')) throw new Fault('invalid_input', 'The name of the server holds a slash.');
  const parent = { type: 'Server', id: server };
  switch (target.kind) {
    case 'server':
      return { uid: parent, attrs: { name: server }, parents: [] };
    case 'tool':
    case 'prompt': {
      const type = target.kind === 'tool' ? 'Tool' : 'Prompt';
      const attrs = { name: target.name, server };
      return { uid: { type, id: `${server}/${target.name}` }, attrs, parents: [parent] };
    }
    case 'resource': {
      const attrs = { name: target.uri, server, uri: target.uri };
      return { uid: { type: 'Resource', id: `${server}/${target.uri}` }, attrs, parents: [parent] };
    }
    default:
      return assertNever(target);
  }
}

function contextOf(question: Question, reads: ReadonlySet<ContextMember>, open: boolean): Context {
  const { context } = question;
  const members: Context = {};
  if (reads.has('arguments') && actions[actionOf(question.action)]?.arguments === true) {
    members['arguments'] = open ? unknown : cedarArguments(context.arguments ?? {});
  }
  if (reads.has('method')) members['method'] = question.action;
  if (reads.has('time')) members['time'] = Math.trunc(context.time);
  if (reads.has('address')) members['address'] = context.address;
  if (reads.has('profile')) members['profile'] = context.profile;
  if (reads.has('binding')) members['binding'] = context.binding;
  for (const name of ['person', 'client', 'acr'] as const) {
    const said = context[name];
    if (reads.has(name) && said !== null) members[name] = said;
  }
  if (reads.has('scopes')) members['scopes'] = [...context.scopes];
  if (reads.has('actors')) members['actors'] = [...context.actors];
  const [actor] = context.actors;
  if (reads.has('actor') && actor !== undefined) members['actor'] = actor;
  if (reads.has('key')) members['key'] = context.key;
  if (reads.has('labels')) members['labels'] = [...context.labels];
  if (reads.has('touched')) members['touched'] = [...context.touched];
  for (const [name, value] of passportMembers(context.passport)) {
    if (reads.has(name)) members[name] = typeof value === 'object' ? [...value] : value;
  }
  const ip = reads.has('ip') ? ipText(context.address) : null;
  if (ip !== null) members['ip'] = { __extn: { fn: 'ip', arg: ip } };
  return members;
}
