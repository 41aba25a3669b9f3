import type { AuditLog } from '../../audit/log.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { canonicalJson } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { comparePolicies } from '../../policy/compare/comparison.ts';
import { wideningLines } from '../../policy/compare/widening-text.ts';
import type { PolicySet } from '../../policy/compile-policies.ts';
import { differingSettings } from '../feed/differing-settings.ts';
import type { PolicyFile } from '../feed/feed-message.ts';
import type { StoreMeta } from '../store/store.ts';

/** A changed policy folder that waits for an administrator, because it may allow more. */
export interface PendingPolicies {
  /** Of all the files: what is approved is exactly this. */
  readonly version: string;
  /** When it was found, in epoch milliseconds. */
  readonly since: number;
  readonly files: readonly PolicyFile[];
  /** What it may allow more, in lines for people. */
  readonly lines: readonly string[];
}

/** The files and what their policies compiled to. */
export interface ReadPolicies {
  readonly files: readonly PolicyFile[];
  readonly policies: PolicySet;
}

/** Whether a changed policy folder takes force by itself. */
export interface PolicyGate {
  /** How long files must have stayed the same before they are judged, in milliseconds. */
  readonly quiet: number;
  /** The files that were in force last; null when it is not kept track of. */
  inForce(): readonly PolicyFile[] | null;
  pending(): PendingPolicies | null;
  /** Whether the files after may take force now; else they wait. */
  admits(before: ReadPolicies, after: ReadPolicies): Promise<boolean>;
  /** These are in force now, and nothing waits. */
  keep(files: readonly PolicyFile[]): Promise<void>;
  /** What waits, if it is still this. Throws Fault `not_found` or `conflict`. */
  take(version: string): PendingPolicies;
  /** What waits is not wanted; the same files are not looked at again. */
  reject(version: string): Promise<void>;
}

interface Kept {
  readonly inForce: readonly PolicyFile[];
  readonly pending: PendingPolicies | null;
  readonly rejected: string | null;
}

const fact = 'policies-in-force';

/** A gate that nothing waits at. */
const openGate: PolicyGate = {
  quiet: 0,
  inForce: () => null,
  pending: () => null,
  admits: () => Promise.resolve(true),
  keep: () => Promise.resolve(),
  take: () => {
    throw nothingWaits();
  },
  reject: () => Promise.reject(nothingWaits()),
};

/**
 * Opens the gate as `authority.widerPolicies` says, or as it was said last where nobody says it, as in commands beside a stopped authority.
 * When it was off, the files that are there when it is first on are the ones in force.
 */
export async function openPolicyGate(options: {
  readonly meta: StoreMeta;
  readonly setting: 'at-once' | 'wait' | undefined;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}): Promise<PolicyGate> {
  const { meta, setting } = options;
  if (setting !== undefined) await meta.set('wider-policies', setting);
  if ((setting ?? (await meta.get('wider-policies'))) === 'wait') return await waitingGate(options);
  if ((await meta.get(fact)) !== null) await meta.set(fact, 'null');
  return openGate;
}

async function waitingGate({
  meta,
  audit,
  clock,
  log,
}: Parameters<typeof openPolicyGate>[0]): Promise<PolicyGate> {
  let kept = JSON.parse((await meta.get(fact)) ?? 'null') as Kept | null;
  const save = async (next: Kept): Promise<void> => {
    await meta.set(fact, JSON.stringify(next));
    kept = next;
  };
  const take = (version: string): PendingPolicies => {
    const pending = kept?.pending;
    if (!pending) throw nothingWaits();
    if (pending.version === version) return pending;
    throw new Fault(
      'conflict',
      `The policies that wait are ${pending.version} by now. Look at them again: countersign policy pending`,
    );
  };
  return {
    quiet: 250,
    inForce: () => kept?.inForce ?? null,
    pending: () => kept?.pending ?? null,
    async admits(before, after) {
      const version = versionOf(after.files);
      if (kept?.rejected === version || kept?.pending?.version === version) return false;
      const lines = await widerLines(before, after);
      if (lines.length === 0) return true;
      const pending = { version, since: clock.now(), files: after.files, lines };
      // On the record first: what is not, does not wait to be approved.
      await audit.append({ type: 'policy.waiting', version, files: after.files.map(({ name }) => name) });
      await save({ inForce: before.files, pending, rejected: null });
      log(
        `The changed policies may allow more and wait for another administrator: countersign policy pending`,
      );
      return false;
    },
    keep: (files) => save({ inForce: files, pending: null, rejected: null }),
    take,
    async reject(version) {
      take(version);
      await save({ inForce: kept?.inForce ?? [], pending: null, rejected: version });
    },
  };
}

/** What the files after may allow more; nothing when they allow nothing more. */
async function widerLines(before: ReadPolicies, after: ReadPolicies): Promise<readonly string[]> {
  const { more, cut } = await comparePolicies(before.policies, after.policies);
  const settings = differingSettings(before.files, after.files);
  return [
    ...wideningLines(more),
    ...(cut ? ['and more than is listed'] : []),
    ...settings.map((name) => `${name} differs: what it allows is not compared`),
  ];
}

function versionOf(files: readonly PolicyFile[]): string {
  return sha256Base64url(canonicalJson(files.map(({ name, text }) => ({ name, text: text.toWellFormed() }))));
}

function nothingWaits(): Fault {
  return new Fault('not_found', 'No policies wait for an administrator.');
}
