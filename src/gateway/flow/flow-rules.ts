import { assertNever } from '../../kernel/assert-never.ts';
import { fitsPattern } from '../../kernel/fits-pattern.ts';
import type { Message, Target } from '../../mcp/message.ts';

/** Words about servers and tools, sorted, each once. The same list is the same object. */
export type Labels = readonly string[];

export const noLabels: Labels = Object.freeze([]);

/** The labels that exist without being declared. */
export const knownLabels = ['private', 'untrusted', 'public-sink', 'destructive'] as const;

/** What is said of one server. The lists of its things hold the server's own labels already. */
export interface ServerLabels {
  readonly own: Labels;
  /** Whether opening and keeping a session and the lists count like any use. */
  readonly everything: boolean;
  readonly tools: ReadonlyMap<string, Labels>;
  readonly prompts: ReadonlyMap<string, Labels>;
  /** By pattern of the URI, in which `*` stands for anything. */
  readonly resources: readonly { readonly pattern: string; readonly labels: Labels }[];
  /** Those of the server and of all its things together. */
  readonly all: Labels;
}

/** What an operator said of servers and tools, and how long it is remembered that they were used. */
export interface FlowRules {
  /** Every label that exists. */
  readonly words: ReadonlySet<string>;
  readonly servers: ReadonlyMap<string, ServerLabels>;
  /** Of the servers that are not named. */
  readonly otherwise: ServerLabels;
  readonly remember: {
    /** A task is over when its agent has used nothing for so long. Milliseconds. */
    readonly quiet: number;
    /** The longest that a use is remembered, however busy its agent is; infinite when it has no end. Milliseconds. */
    readonly longest: number;
    /** Whether the tasks of an agent for different people are kept apart. */
    readonly apart: 'person' | 'agent';
  };
}

/** What is said of a server. */
export function labelsAt({ servers, otherwise }: FlowRules, server: string): ServerLabels {
  return servers.get(server) ?? otherwise;
}

/** How a request counts: whether what the agent writes goes out with it, and whether what the server has comes in. */
interface Traffic {
  readonly out: boolean;
  readonly in: boolean;
}

const both: Traffic = { out: true, in: true };
const neither: Traffic = { out: false, in: false };
const inOnly: Traffic = { out: false, in: true };
const outOnly: Traffic = { out: true, in: false };

/**
 * What carries nothing of its own in one direction or the other. Whatever is not named here goes both ways. Cursors and the
 * ids of tasks are the server's own: this gateway seals them.
 */
const traffic: Readonly<Record<string, Traffic>> = {
  initialize: neither,
  'server/discover': neither,
  ping: neither,
  'tools/list': neither,
  'prompts/list': neither,
  'resources/list': neither,
  'resources/templates/list': neither,
  'subscriptions/listen': neither,
  'logging/setLevel': neither,
  'resources/subscribe': outOnly,
  'resources/unsubscribe': outOnly,
  'tasks/cancel': neither,
  'tasks/get': inOnly,
  'tasks/list': inOnly,
  'tasks/result': inOnly,
};

function trafficOf({ everything }: ServerLabels, action: string): Traffic {
  if (everything) return both;
  return Object.hasOwn(traffic, action) ? (traffic[action] ?? both) : both;
}

/** Whether a request is work on a task, and not only the upkeep of a session. */
export function isWork(method: string | null): boolean {
  return method !== null && (!Object.hasOwn(traffic, method) || traffic[method] !== neither);
}

/** The labels that policy sees of what a request is about: empty for one with which nothing of the agent's goes out. */
export function labelsOut(of: ServerLabels, action: string, target: Target): Labels {
  return trafficOf(of, action).out ? labelsOf(of, target) : noLabels;
}

/**
 * The labels that a request leaves behind: empty for one with which nothing comes in. The result of a task may be that of any
 * tool.
 */
export function labelsIn(of: ServerLabels, action: string, target: Target): Labels {
  if (!trafficOf(of, action).in) return noLabels;
  return action.startsWith('tasks/') ? of.all : labelsOf(of, target);
}

function labelsOf(of: ServerLabels, target: Target): Labels {
  switch (target.kind) {
    case 'server':
      return of.own;
    case 'tool':
      return of.tools.get(target.name) ?? of.own;
    case 'prompt':
      return of.prompts.get(target.name) ?? of.own;
    case 'resource':
      return labelsOfUri(of, target.uri);
    default:
      return assertNever(target);
  }
}

/** Whether a URI has only one reading. RFC 8089 has several spellings of one file, and what a server decodes, only it knows. */
function isPlainUri(uri: string): boolean {
  const [, scheme = '', slashes = '', path = ''] = /^([a-z][a-z0-9+.-]*):(\/*)(.*)$/is.exec(uri) ?? [];
  const usual = scheme.toLowerCase() === 'file' ? slashes === '///' : slashes === '//' || slashes === '';
  return scheme !== '' && usual && !/%|\\|\.\.|\/\/|\/\.\/|\/\.$/.test(`/${path}`);
}

/** One that could be read as another has the labels of every pattern. */
function labelsOfUri({ own, resources }: ServerLabels, uri: string): Labels {
  if (resources.length === 0) return own;
  const every = !isPlainUri(uri);
  const fitting = resources.filter(
    ({ pattern }) =>
      every || fitsPattern(pattern, uri) || fitsPattern(pattern.toLowerCase(), uri.toLowerCase()),
  );
  return fitting.reduce<Labels>((sum, { labels }) => union(sum, labels), own);
}

/** Notifications that say no more than that something is there. */
const plainNotifications: ReadonlySet<string | null> = new Set([
  'notifications/initialized',
  'notifications/roots/list_changed',
]);

/** The labels of what is sent besides requests: an answer to a server's question, news for it; null for opening or ending a stream. */
export function labelsOfSent(of: ServerLabels, message: Pick<Message, 'kind' | 'method'> | null): Labels {
  const plain = !of.everything && (!message || isPlain(message));
  return plain ? noLabels : of.own;
}

function isPlain({ kind, method }: Pick<Message, 'kind' | 'method'>): boolean {
  return kind === 'notification' && plainNotifications.has(method);
}

/** What servers send on their own that says no more than that something is there or has changed. */
const plainNews: ReadonlySet<string> = new Set([
  'ping',
  'roots/list',
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/elicitation/complete',
]);

/** The labels of what a server sends on its own, or in answer to a request of long ago (`method` null). */
export function labelsOfNews(of: ServerLabels, method: string | null): Labels {
  if (method === null || method.startsWith('notifications/tasks')) return of.all;
  return plainNews.has(method) && !of.everything ? noLabels : of.own;
}

/** All labels of both. */
export function union(one: Labels, other: Labels): Labels {
  if (other.length === 0 || one === other) return one;
  if (one.length === 0) return other;
  if (other.every((label) => one.includes(label))) return one;
  return labelList([...one, ...other]);
}

/** The labels, sorted and each once. */
export function labelList(labels: Iterable<string>): Labels {
  return Object.freeze([...new Set(labels)].sort());
}
