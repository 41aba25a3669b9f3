import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { suggest } from '../kernel/suggest.ts';
import { parseValue } from '../secrets/reference.ts';
import type { Isolation } from './isolation/isolation.ts';
import { readIsolation } from './isolation/read-isolation.ts';
import { readCredentialOf, type ServerCredential } from './credential/read-credential.ts';
import { refusePlaintextDefinition } from './plaintext-definition.ts';

/** How long a server may take; what is left out is as for every server. Milliseconds. */
export interface ServerTimeouts {
  readonly connectMilliseconds?: number;
  /** From a request to the first sign of its answer; with stdio, also between two signs. */
  readonly answerMilliseconds?: number;
  /** Silence in the middle of an answer. */
  readonly idleMilliseconds?: number;
}

/** What a server speaks: found out (`auto`), 2026-07-28 and later (`modern`), the revisions with `initialize` (`legacy`). */
export type ServerEra = 'auto' | 'modern' | 'legacy';

/**
 * Which tools of a server may be used: those that an administrator approved; those of the first whole list that it gives, and
 * others once they are approved; or whatever it lists, now and later.
 */
export type ToolsMode = 'approved' | 'first-list' | 'unpinned';

/** An MCP server reached over HTTP. */
export interface HttpServerDefinition {
  readonly name: string;
  readonly description: string;
  readonly transport: 'http';
  readonly era: ServerEra;
  /** http or https, without user, password or fragment. */
  readonly url: string;
  readonly tls: {
    /** Path of a PEM file with the only authorities to trust, or null for the system's own. */
    readonly authority: string | null;
    /** Whether the gateway shows its own certificate. */
    readonly presentCertificate: boolean;
    /** The name the server's certificate must carry, or null for the host of the URL. */
    readonly serverName: string | null;
  };
  /** Sent with every request; values are plain, or have secret references in them. */
  readonly headers: Readonly<Record<string, string>>;
  /** How the gateway gets a token for it; by none unless given. */
  readonly credential?: ServerCredential;
  /** Missing in one from before there were pins, which is as with `first-list`. */
  readonly tools?: ToolsMode;
  /** What is cut out of its answers: secrets that the gateway holds (`known`, unless given), or also what looks like one. */
  readonly redact?: 'known' | 'likely';
  readonly timeouts?: ServerTimeouts;
}

/** An MCP server reached over HTTP+SSE, the transport of 2024-11-05: `url` is where its event stream is opened. */
export type SseServerDefinition = Omit<HttpServerDefinition, 'transport' | 'era'> & {
  readonly transport: 'sse';
  /** No server of the modern era has it. */
  readonly era: 'legacy';
};

/** An MCP server started as a child that speaks over standard input and output. */
export interface StdioServerDefinition {
  readonly name: string;
  readonly description: string;
  readonly transport: 'stdio';
  readonly era: ServerEra;
  /** The argument vector; no shell ever sees it. */
  readonly command: readonly string[];
  /** Absolute working directory, or null for the child's own fresh home. */
  readonly directory: string | null;
  /** Added to the scrubbed environment; values are plain, or have secret references in them. */
  readonly environment: Readonly<Record<string, string>>;
  readonly tools?: ToolsMode;
  /** What is cut out of its answers: secrets that the gateway holds (`known`, unless given), or also what looks like one. */
  readonly redact?: 'known' | 'likely';
  /** How it is kept apart from the machine; by bubblewrap, without a network, unless given. */
  readonly isolation?: Isolation;
  readonly timeouts?: Pick<ServerTimeouts, 'answerMilliseconds'>;
}

export type ServerDefinition = HttpServerDefinition | SseServerDefinition | StdioServerDefinition;

/** Reads a definition strictly. Throws Fault `invalid_input` that names the member and what is wrong with it. */
export function readServerDefinition(json: Json): ServerDefinition {
  const definition = readDefinition(json);
  refusePlaintextDefinition(definition);
  return definition;
}

function readDefinition(json: Json): ServerDefinition {
  if (!isJsonObject(json)) throw invalid('server', 'must be an object');
  const transport = json['transport'];
  if (transport === 'http' || transport === 'sse') {
    refuseUnknown('server', json, [
      'name',
      'description',
      'transport',
      'era',
      'tools',
      'redact',
      'url',
      'tls',
      'headers',
      'timeouts',
      'credential',
    ]);
    const reached = {
      url: readUrl(json['url']),
      tls: readTls(json['tls'] ?? {}),
      headers: readPairs('headers', json['headers'] ?? {}, checkHeaderName, checkHeaderValue),
      ...readTimeouts(json['timeouts'], ['connectMilliseconds', 'answerMilliseconds', 'idleMilliseconds']),
    };
    const era = readChoice('era', json['era'] ?? 'auto', eras);
    if (transport === 'http') {
      const credential = readCredentialOf(json, era === 'auto');
      return Object.freeze({ ...readCommon(json), transport, era, ...reached, ...credential });
    }
    if (era === 'modern') throw invalid('era', 'must be "legacy": HTTP+SSE is a transport of that era');
    const credential = readCredentialOf(json, false);
    return Object.freeze({
      ...readCommon(json),
      transport,
      era: 'legacy' as const,
      ...reached,
      ...credential,
    });
  }
  if (transport === 'stdio') {
    refuseUnknown('server', json, [
      'name',
      'description',
      'transport',
      'era',
      'tools',
      'redact',
      'command',
      'directory',
      'environment',
      'isolation',
      'timeouts',
    ]);
    return Object.freeze({
      ...readCommon(json),
      transport,
      era: readChoice('era', json['era'] ?? 'auto', eras),
      command: readCommand(json['command']),
      directory: readAbsolutePath('directory', json['directory'] ?? null),
      environment: readPairs('environment', json['environment'] ?? {}, checkVariableName, checkVariableValue),
      ...(json['isolation'] !== undefined && { isolation: readIsolation(json['isolation']) }),
      // A child has no connection to make, and every sign of it counts as an answer.
      ...readTimeouts(json['timeouts'], ['answerMilliseconds']),
    });
  }
  throw invalid('transport', 'must be "http", "sse" or "stdio"');
}

// The same names as certificates carry, so that a server can have one.
const namePattern = /^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/;
const longestText = 4096;

function readCommon(
  json: JsonObject,
): Required<Pick<ServerDefinition, 'name' | 'description' | 'tools'>> & Pick<ServerDefinition, 'redact'> {
  const name = readText('name', json['name']);
  if (!namePattern.test(name)) {
    throw invalid(
      'name',
      'must be 1 to 64 of a-z, 0-9, ".", "_" and "-", beginning and ending with a letter or digit',
    );
  }
  const tools = readChoice('tools', json['tools'] ?? 'approved', toolsModes);
  const { redact } = json;
  return {
    name,
    description: readText('description', json['description'] ?? ''),
    tools,
    ...(redact !== undefined && { redact: readChoice('redact', redact, ['known', 'likely'] as const) }),
  };
}

const eras: readonly ServerEra[] = ['auto', 'modern', 'legacy'];
const toolsModes: readonly ToolsMode[] = ['approved', 'first-list', 'unpinned'];

function readChoice<Choice extends string>(member: string, value: Json, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw invalid(member, `must be one of ${choices.join(', ')}`);
  return found;
}

function readUrl(value: Json | undefined): string {
  const text = readText('url', value);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw invalid('url', 'must be an http or https URL');
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid(
      'url',
      'must not carry a user or password; give credentials as a header with a secret reference',
    );
  }
  if (url.hash !== '') throw invalid('url', 'must not have a fragment');
  return url.href;
}

function readTls(json: Json): HttpServerDefinition['tls'] {
  if (!isJsonObject(json)) throw invalid('tls', 'must be an object');
  refuseUnknown('tls', json, ['authority', 'presentCertificate', 'serverName']);
  const presentCertificate = json['presentCertificate'] ?? false;
  if (typeof presentCertificate !== 'boolean')
    throw invalid('tls.presentCertificate', 'must be true or false');
  const serverName = json['serverName'] ?? null;
  return Object.freeze({
    authority: readAbsolutePath('tls.authority', json['authority'] ?? null),
    presentCertificate,
    serverName: serverName === null ? null : readServerName(serverName),
  });
}

function readServerName(value: Json): string {
  const name = readText('tls.serverName', value);
  if (!/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(name))
    throw invalid('tls.serverName', 'must be a host name');
  return name;
}

function readCommand(value: Json | undefined): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid('command', 'must be a list: the program, then each argument by itself');
  }
  const words = value.map((word: Json, index) => readText(`command[${index}]`, word));
  const program = words[0] ?? '';
  const absolute = /^(\/|[A-Za-z]:\\)/.test(program);
  // A relative path would depend on where the gateway was started.
  if (program === '' || (!absolute && /[/\\\s]/.test(program))) {
    throw invalid(
      'command[0]',
      'must be an absolute path or a bare program name; arguments are list elements of their own',
    );
  }
  return Object.freeze(words);
}

function readAbsolutePath(member: string, value: Json): string | null {
  if (value === null) return null;
  const path = readText(member, value);
  if (!/^(\/|[A-Za-z]:\\)/.test(path)) throw invalid(member, 'must be an absolute path');
  return path;
}

const longestTimeout = 86_400_000;

function readTimeouts(
  json: Json | undefined,
  known: readonly (keyof ServerTimeouts)[],
): { readonly timeouts?: ServerTimeouts } {
  if (json === undefined) return {};
  if (!isJsonObject(json)) throw invalid('timeouts', 'must be an object');
  refuseUnknown('timeouts', json, known);
  for (const [name, value] of Object.entries(json)) {
    const whole =
      typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= longestTimeout;
    if (!whole) {
      throw invalid(`timeouts.${name}`, `must be a whole number of milliseconds from 1 to ${longestTimeout}`);
    }
  }
  return Object.keys(json).length === 0 ? {} : { timeouts: Object.freeze({ ...json }) };
}

type Check = (member: string, text: string) => void;

function readPairs(
  member: string,
  json: Json,
  checkName: Check,
  checkValue: Check,
): Readonly<Record<string, string>> {
  if (!isJsonObject(json)) throw invalid(member, 'must be an object of texts');
  const pairs = Object.entries(json).map(([name, value]): [string, string] => {
    const path = `${member}.${name}`;
    checkName(path, name);
    const text = readText(path, value);
    checkValue(path, text);
    return [name, text];
  });
  return Object.freeze(Object.fromEntries(pairs));
}

// What the transport itself sets, and what would let a definition speak for the caller.
const ownHeaders =
  /^(host|connection|content-length|transfer-encoding|content-type|accept|upgrade|te|trailer|keep-alive|expect|proxy-.*|mcp-.*|last-event-id)$/i;

function checkHeaderName(member: string, name: string): void {
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) throw invalid(member, 'is not a header name');
  if (ownHeaders.test(name)) throw invalid(member, 'is set by the gateway itself');
}

function checkHeaderValue(member: string, text: string): void {
  if (!/^[\t\x20-\x7e]*$/.test(text)) throw invalid(member, 'must be printable ASCII');
  parseValue(text);
}

function checkVariableName(member: string, name: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    throw invalid(member, 'is not the name of an environment variable');
}

function checkVariableValue(_member: string, text: string): void {
  parseValue(text);
}

function readText(member: string, value: Json | undefined): string {
  if (typeof value !== 'string') throw invalid(member, value === undefined ? 'is missing' : 'must be a text');
  if (value.length > longestText) throw invalid(member, `is longer than ${longestText} characters`);
  if (value.includes('\0')) throw invalid(member, 'must not contain a NUL');
  return value;
}

function refuseUnknown(where: string, json: JsonObject, known: readonly string[]): void {
  for (const name of Object.keys(json)) {
    if (known.includes(name)) continue;
    const nearest = suggest(name, known);
    throw invalid(
      `${where}.${name}`,
      `is not known here${nearest === null ? '' : `; did you mean "${nearest}"?`}`,
    );
  }
}

function invalid(member: string, problem: string): Fault {
  return new Fault('invalid_input', `Server definition: ${member} ${problem}.`);
}
