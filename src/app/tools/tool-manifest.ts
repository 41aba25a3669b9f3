import { type KeyObject, verify } from 'node:crypto';
import { type CheckpointSigner, noteKeyId } from '../../audit/checkpoint.ts';
import { concat, equalBytes, fromBase64, toBase64, utf8 } from '../../kernel/bytes.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { readToolDefinition, type ToolDefinition } from '../../mcp/tool-definition.ts';
import { namePattern } from '../../x509/leaf-profile.ts';

/** The definitions that the tools of a server have, as somebody says who signs it. */
export interface ToolManifest {
  readonly server: string;
  /** When it was signed, in epoch milliseconds. */
  readonly issuedAt: number;
  readonly tools: readonly ToolDefinition[];
}

/** What a manifest is signed under: the name of the key in the note. */
export const manifestKeyName = 'countersign-tools';

const heading = 'countersign tools v1';

/**
 * A manifest as a C2SP signed note with Ed25519: a heading, the server, the time, then each definition in canonical JSON (RFC 8785)
 * on a line of its own, in the order of their names.
 */
export function writeToolManifest(
  { server, issuedAt, tools }: ToolManifest,
  signer: CheckpointSigner,
): string {
  const sorted = [...tools].sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = [heading, server, new Date(issuedAt).toISOString(), ...sorted.map(({ text }) => text)];
  const body = `${lines.join('\n')}\n`;
  const signature = toBase64(concat([signer.keyId, signer.sign(utf8(body))]));
  return `${body}\n— ${signer.name} ${signature}\n`;
}

/** Reads a manifest and verifies it under the key. Throws Fault `manifest_refused`: nothing of it counts then. */
export function readToolManifest(note: string, publicKey: KeyObject): ToolManifest {
  const at = note.lastIndexOf('\n\n— ');
  const [, name = '', signatureText = ''] =
    /^— ([^\s+]+) ([A-Za-z0-9+/=]+)\n$/.exec(note.slice(at + 2)) ?? [];
  const signed = fromBase64(signatureText);
  if (at < 0 || name !== manifestKeyName || signed?.length !== 68)
    throw refused('it is no signed list of tools');
  if (publicKey.asymmetricKeyType !== 'ed25519')
    throw refused('the key to verify it with is not an Ed25519 key');
  const body = note.slice(0, at + 1);
  const keyFits = equalBytes(signed.subarray(0, 4), noteKeyId(name, publicKey));
  if (!keyFits || !verify(null, utf8(body), publicKey, signed.subarray(4))) {
    throw refused('its signature is not by the key that was named');
  }
  return readBody(body);
}

function readBody(body: string): ToolManifest {
  const [first, server = '', time = '', ...texts] = body.slice(0, -1).split('\n');
  const issuedAt = Date.parse(time);
  if (first !== heading || !namePattern.test(server) || new Date(issuedAt || 0).toISOString() !== time) {
    throw refused('its first lines are not those of a list of tools');
  }
  const tools = texts.map((text, index) => {
    const definition = readToolDefinition(parsed(text, index));
    // Two texts for one value would let a reader see another one than is hashed.
    if (definition?.text !== text)
      throw refused(`line ${index + 4} is not the canonical definition of a tool`);
    return definition;
  });
  if (new Set(tools.map(({ name }) => name)).size !== tools.length) throw refused('it names a tool twice');
  if (tools.length === 0) throw refused('it names no tool');
  return { server, issuedAt, tools };
}

function parsed(text: string, index: number): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw refused(`line ${index + 4} is not JSON`);
  }
}

function refused(why: string): Fault {
  return new Fault('manifest_refused', `The list of tools is refused: ${why}.`);
}
