import { mkdir } from 'node:fs/promises';
import type { AuditLog } from '../../audit/log.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { onlySpiffeId } from '../../x509/leaf-profile.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import type { DataFolder } from '../authority/data-folder.ts';
import { readIdentityFolder } from '../authority/identity-folder.ts';
import type { PolicyFile } from '../feed/feed-message.ts';
import { openPolicyFolder, type PolicyFolder, readPolicies, writePolicies } from '../feed/policy-folder.ts';
import type { SharedPolicies } from '../peers/shared-policies.ts';
import type { Store } from '../store/store.ts';
import { inspectTools } from './inspect-tools.ts';
import { openPolicyGate, type PendingPolicies } from './policy-gate.ts';

/** Who approves or rejects, and how they came: as `Actor` of the administration. */
interface Approver {
  readonly name: string;
  readonly way: 'local' | 'remote';
}

/** The policies in force and those that wait, for administrators. */
export interface PolicyControl {
  current(): readonly PolicyFile[];
  pending(): Promise<PendingPolicies | null>;
  /** Throws Fault `approval_refused`, `not_found` or `conflict`. */
  approve(version: string, by: Approver): Promise<void>;
  reject(version: string, by: Approver, reason: string): Promise<void>;
}

/** The policy folder, with every change told to the gateways, to the log and to a person. */
export async function openPolicies(options: {
  readonly data: DataFolder;
  readonly store: Store;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  readonly setting: 'at-once' | 'wait' | undefined;
  readonly publish: (files: readonly PolicyFile[]) => void;
  /** Those of all authorities of a store; this one has its own unless given. */
  readonly shared?: SharedPolicies;
}): Promise<Omit<PolicyFolder, 'approve'> & PolicyControl> {
  const { data, store, audit, log, publish } = options;
  const { shared } = options;
  const theirs = (await shared?.begin()) ?? null;
  if (theirs) await beginWith(theirs, data.policies, log);
  const gate = await openPolicyGate({ ...options, meta: store.meta });
  const folder = await openPolicyFolder({
    folder: data.policies,
    gate,
    inspect: (after, inForce) => inspectTools(after, inForce, { tools: store.tools, log }),
    onLoaded: (files) => {
      publish(files);
      shared?.tell(files).catch((error: unknown) => {
        log(`The other authorities are not told of the policies: ${errorText(error)}`);
      });
      const names = files.map((file) => file.name);
      const permitting = names.some((name) => name.endsWith('.cedar'));
      const inForce = permitting ? names : [...names, 'no policy; nothing is permitted'];
      log(`Policies in force: ${inForce.join(', ')}.`);
      audit.append({ type: 'policy.loaded', files: names }).catch(() => undefined);
    },
    onRefused: (fault) => {
      log(`The changed policies are not in force: ${fault.message}`);
      audit
        .append({ type: 'policy.refused', code: fault.code, reason: fault.message })
        .catch(() => undefined);
    },
  });
  if (!theirs) await shared?.tell(folder.current());
  return {
    ...folder,
    async pending() {
      await folder.refresh();
      return gate.pending();
    },
    async approve(version, by) {
      await refuseOwnHand(data, by);
      gate.take(version);
      await audit.append({ type: 'policy.approved', version, by: by.name });
      await folder.approve(version);
    },
    async reject(version, by, reason) {
      gate.take(version);
      await audit.append({ type: 'policy.rejected', version, by: by.name, reason });
      await gate.reject(version);
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** What is in force at the others is in force here: a change that was made meanwhile has to be made again. */
async function beginWith(
  files: readonly PolicyFile[],
  folder: string,
  log: (line: string) => void,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (JSON.stringify(await readPolicies(folder)) === JSON.stringify(files)) return;
  log(
    `The policies in ${folder} are not those that the other authorities have in force, and are replaced by them. Change them while an authority runs.`,
  );
  await writePolicies(folder, files);
}

/** Whoever can write the policy folder can use what lies beside it: the folder itself, and the certificate in it. */
async function refuseOwnHand(data: DataFolder, by: Approver): Promise<void> {
  if (by.way === 'remote' && by.name !== (await adminInFolder(data))) return;
  throw new Fault(
    'approval_refused',
    `Policies that may allow more are approved by somebody else than whoever holds the data folder: with an admin certificate that is not ${data.admin}. Make one: countersign cert issue <name> --kind admin --out <folder>`,
  );
}

async function adminInFolder(data: DataFolder): Promise<string | null> {
  try {
    const { certificate } = await readIdentityFolder(data.admin);
    const [leaf] = decodePem(certificate, 'CERTIFICATE');
    return leaf ? (onlySpiffeId(readCertificate(leaf)).path.split('/').at(-1) ?? null) : null;
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null;
    throw error;
  }
}
