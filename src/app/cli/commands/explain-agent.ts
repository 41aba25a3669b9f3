import { isJsonObject, type Json, type JsonObject } from '../../../kernel/canonical-json.ts';
import type { Command } from '../command.ts';
import { administer, administrationFlags } from './administration.ts';

/** `agent explain`: who owns an agent, and where each of its rights comes from. */
export const explainCommand: Command = {
  path: ['agent', 'explain'],
  summary: 'Explain an agent: who owns it, where each role comes from, and what its certificates go back to',
  example: 'countersign agent explain alice-laptop',
  flags: administrationFlags,
  positionals: [{ name: 'name', meaning: 'the name of the agent', count: 'one' }],
  async run(context, input) {
    const json = await administer(context, input, 'agent.explain', { name: input.word('name') });
    return { text: isJsonObject(json) ? explain(json) : '', json };
  },
};

function explain(agent: JsonObject): string {
  return [
    `${text(agent['name'])} is ${text(agent['state'])} and belongs to ${text(agent['owner'])}.`,
    ...(typeof agent['parent'] === 'string'
      ? [`It works for the agent ${agent['parent']}, which enrolled it.`]
      : []),
    `Purpose: ${text(agent['purpose'])}`,
    ...section('Roles', listOf(agent['roles']).map(roleLine), 'none'),
    deviceLine(agent['device'] ?? null),
    ...section('Login of its owner', loginLines(agent['login'] ?? null), 'none'),
    ...section(
      'Certificates',
      listOf(agent['certificates']).map(certificateLine),
      'none that is in its time',
    ),
  ].join('\n');
}

function section(title: string, lines: readonly string[], nothing: string): readonly string[] {
  return lines.length === 0 ? [`${title}: ${nothing}`] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
}

function roleLine(row: JsonObject): string {
  if (row['from'] === 'hand') return `${text(row['role'])}: given by an administrator`;
  const values = Array.isArray(row['because']) ? row['because'].map(String) : [];
  const why = values.length === 0 ? 'which is for everybody' : `for ${values.join(' and ')}`;
  return `${text(row['role'])}: rule ${text(row['rule'])} of ${text(row['provider'])}, ${why}`;
}

function deviceLine(explained: Json): string {
  if (!isJsonObject(explained)) return 'Device: unknown to this authority';
  const { device = null, needed, compliant = null, reason } = explained;
  const known = device === null ? 'none that is known' : text(device);
  if (needed !== true) return `Device: ${known}; it need not be compliant, for ${text(reason)}`;
  const standing =
    compliant === null ? 'it cannot be told' : compliant === true ? 'compliant' : 'not compliant';
  return `Device: ${known}; ${standing}: ${text(reason)}`;
}

function loginLines(login: Json): readonly string[] {
  if (!isJsonObject(login)) return [];
  const { provider, subject, at, until, ended } = login;
  return [
    `at ${text(provider)} as ${text(subject)}, ${time(at)}`,
    typeof until === 'number' ? `holds until ${time(until)}` : `does not hold: ${text(ended)}`,
  ];
}

function certificateLine({ serial, state, door, notAfter, hardware = null }: JsonObject): string {
  const key = isJsonObject(hardware)
    ? `its key is in the hardware of ${text(hardware['device'])}, says ${text(hardware['maker'])}`
    : 'no hardware is known to hold its key';
  return `${text(serial)}: ${text(state)} until ${time(notAfter)}, by ${text(door)}; ${key}`;
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((each) => isJsonObject(each)) : [];
}

function time(value: Json | undefined): string {
  return typeof value === 'number' ? new Date(value).toISOString() : '';
}

function text(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? `${value}` : '';
}
