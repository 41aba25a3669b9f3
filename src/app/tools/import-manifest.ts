import { createPublicKey, type KeyObject } from 'node:crypto';
import type { AuditLog } from '../../audit/audit-log.ts';
import { sha256, toHex } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Store } from '../store/store.ts';
import type { ToolDecision, ToolRecord } from '../store/tool-records.ts';
import { type NameCheck, requireName, type ToolName } from './shadowing.ts';
import { readToolManifest, type ToolManifest } from './tool-manifest.ts';
import { approvedWith, unknownTool } from './tool-state.ts';

export interface ManifestOrder {
  /** The signed note. */
  readonly manifest: string;
  /** The public key in PEM that it has to be signed with. */
  readonly key: string;
  /** Whether tools may be called like those of other servers. */
  readonly sameName: boolean;
}

interface Parts {
  readonly store: Pick<Store, 'servers' | 'tools' | 'meta'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly checkNames: (tools: readonly ToolName[]) => Promise<readonly NameCheck[]>;
}

/**
 * Approves what a signed manifest says, before or after the server was seen. All of it or nothing; what an administrator refused stays
 * refused. Throws Fault `manifest_refused`, `not_found` or `name_refused`.
 */
export async function importManifest(
  order: ManifestOrder,
  actor: string,
  parts: Parts,
): Promise<readonly ToolRecord[]> {
  const { store, audit, clock } = parts;
  const key = publicKey(order.key);
  const manifest = readToolManifest(order.manifest, key);
  const { server, issuedAt } = manifest;
  await requireNewer(manifest, parts);
  const names = manifest.tools.map(({ name }) => ({ server, tool: name }));
  const checks = await parts.checkNames(names);
  for (const [at, name] of names.entries()) requireName(name, checks[at], order.sameName);
  const reason = `key sha256:${toHex(sha256(new Uint8Array(key.export({ type: 'spki', format: 'der' }))))}`;
  const decided: ToolDecision = { by: actor, way: 'manifest', at: clock.now(), reason };
  const records: ToolRecord[] = [];
  for (const { name, hash, text } of manifest.tools) {
    const kept = { hash, text, at: clock.now() };
    const record = await store.tools.change(server, name, (before) =>
      before?.state === 'refused'
        ? null
        : approvedWith(before ?? unknownTool(server, name), kept, decided, false),
    );
    if (record) records.push(record);
  }
  await store.meta.set(placeOf(server), String(issuedAt));
  const approved = records.filter(({ state }) => state === 'approved');
  const tools = approved.map(({ tool, approved: [now] }) => ({ name: tool, hash: now?.hash ?? '' }));
  await audit.append({ type: 'tools.approved', server, way: 'manifest', actor, reason, tools });
  return records;
}

/** An older manifest would bring back definitions that their author has replaced. */
async function requireNewer({ server, issuedAt }: ToolManifest, { store }: Parts): Promise<void> {
  if (!(await store.servers.find(server))) {
    throw new Fault('not_found', `The list is about the server ${server}, which is not registered.`);
  }
  const last = Number((await store.meta.get(placeOf(server))) ?? 0);
  if (issuedAt >= last) return;
  const when = new Date(last).toISOString();
  throw new Fault(
    'manifest_refused',
    `The list of tools is refused: one of ${when} was taken before, which is newer.`,
  );
}

function placeOf(server: string): string {
  return `tool-manifest/${server}`;
}

function publicKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new Fault('manifest_refused', 'The key to verify the list with is not a public key in PEM.', {
      cause,
    });
  }
}
