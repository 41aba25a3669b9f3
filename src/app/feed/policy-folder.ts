import { watch } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { writeDurably } from '../../kernel/durable-file.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import {
  agentPassportsFileName,
  callApprovalsFileName,
  flowsFileName,
  limitsFileName,
  signedCallsFileName,
  tokensFileName,
} from '../config/file-names.ts';
import type { PolicySet } from '../../policy/compile-policies.ts';
import type { PolicyGate, ReadPolicies } from '../policies/policy-gate.ts';
import type { PolicyFile } from './feed-message.ts';
import { readPolicyFilesInTurns } from './policy-rules.ts';

/** The folder of `*.cedar` files and of the settings beside them, read again whenever it changes. */
export interface PolicyFolder extends Disposable {
  /** The newest files that compiled together. */
  current(): readonly PolicyFile[];
  /** Why the files on disk are not the ones in force, or null. */
  problem(): Fault | null;
  /** Reads the folder now. */
  refresh(): Promise<void>;
  /** Puts what waits in force. Throws Fault `not_found` or `conflict`. */
  approve(version: string): Promise<void>;
  /** Puts files in force that have passed the gate elsewhere, and writes them into the folder. Throws Fault `policy_invalid`, …. */
  adopt(files: readonly PolicyFile[]): Promise<void>;
}

/**
 * Opens the folder. A set that does not compile never takes force: at start it ends the start, later the last good
 * set stays and `onRefused` is told. One that `gate` holds back waits, and the last one in force stays.
 * Throws Fault `policy_invalid` or `config_invalid`.
 */
export async function openPolicyFolder(options: {
  readonly folder: string;
  readonly gate: PolicyGate;
  /** Told of a set that compiled, and of the one in force. Throws Fault `policy_invalid` to refuse it. */
  readonly inspect: (after: PolicySet, inForce: PolicySet) => Promise<void>;
  readonly onLoaded: (files: readonly PolicyFile[]) => void;
  readonly onRefused: (fault: Fault) => void;
}): Promise<PolicyFolder> {
  const { folder, gate } = options;
  await mkdir(folder, { recursive: true });
  let { files: current, policies } = await atStart(folder, gate);
  let seen = current;
  let problem: Fault | null = null;
  let refreshing: Promise<void> = Promise.resolve();

  const takeForce = async (next: ReadPolicies): Promise<void> => {
    await gate.keep(next.files);
    ({ files: current, policies } = next);
    options.onLoaded(current);
  };
  const load = async (): Promise<void> => {
    try {
      const files = await settledFiles(folder, gate.quiet);
      if (same(files, seen) && !problem) return;
      const next = { files, policies: (await readPolicyFilesInTurns(files, policies)).policies };
      await options.inspect(next.policies, policies);
      // Back to what is in force: what waited is not wanted any more.
      if (same(files, current)) await gate.keep(files);
      else if (await gate.admits({ files: current, policies }, next)) await takeForce(next);
      seen = files;
      problem = null;
    } catch (error) {
      const fault = toFault(error);
      if (problem?.message !== fault.message) options.onRefused(fault);
      problem = fault;
    }
  };
  const approve = async (version: string): Promise<void> => {
    await load();
    const { files } = gate.take(version);
    await takeForce({ files, policies: (await readPolicyFilesInTurns(files, policies)).policies });
  };
  const adopt = async (files: readonly PolicyFile[]): Promise<void> => {
    if (same(files, current)) return;
    const next = { files, policies: (await readPolicyFilesInTurns(files, policies)).policies };
    await writePolicies(folder, files);
    await takeForce(next);
    seen = files;
    problem = null;
  };
  const refresh = (): Promise<void> => {
    refreshing = refreshing.then(load);
    return refreshing;
  };
  let pending: NodeJS.Timeout | null = null;
  // Editors write in several steps; a short quiet time joins them. The slow poll covers lost notifications.
  const watcher = watch(options.folder, () => {
    pending ??= setTimeout(() => {
      pending = null;
      void refresh();
    }, 50);
  });
  const poll = setInterval(() => void refresh(), 5_000);
  poll.unref();
  return {
    current: () => current,
    problem: () => problem,
    refresh,
    approve(version) {
      const approving = refreshing.then(() => approve(version));
      refreshing = approving.catch(() => undefined);
      return approving;
    },
    adopt(files) {
      const adopting = refreshing.then(() => adopt(files));
      refreshing = adopting.catch(() => undefined);
      return adopting;
    },
    [Symbol.dispose]() {
      watcher.close();
      clearInterval(poll);
      if (pending) clearTimeout(pending);
    },
  };
}

/**
 * The files once they have stayed the same for so long. A file that is being written is short for a moment: what it then permits is less, takes
 * force at once, and what it permits when it is whole would have to wait.
 */
async function settledFiles(folder: string, quiet: number): Promise<readonly PolicyFile[]> {
  let files = await readPolicies(folder);
  if (quiet === 0) return files;
  for (let tries = 0; tries < 20; tries++) {
    await wait(quiet);
    const again = await readPolicies(folder);
    if (same(files, again)) return files;
    files = again;
  }
  throw new Fault('unavailable', 'The policy folder is being written all the time.');
}

/** What is in force at the start: the files on disk, or those before them where the gate holds them back. */
async function atStart(folder: string, gate: PolicyGate): Promise<ReadPolicies> {
  const files = await readPolicies(folder);
  const { policies } = await readPolicyFilesInTurns(files, null);
  const kept = gate.inForce();
  if (kept === null || same(kept, files)) {
    await gate.keep(files);
    return { files, policies };
  }
  const before = await inForceBefore(kept);
  if (!(await gate.admits(before, { files, policies }))) return before;
  await gate.keep(files);
  return { files, policies };
}

/** What was in force compiled then; should it not any more, as after an upgrade, nothing is permitted until somebody approves. */
async function inForceBefore(files: readonly PolicyFile[]): Promise<ReadPolicies> {
  try {
    return { files, policies: (await readPolicyFilesInTurns(files, null)).policies };
  } catch {
    return { files: [], policies: (await readPolicyFilesInTurns([], null)).policies };
  }
}

function same(one: readonly PolicyFile[], other: readonly PolicyFile[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The `*.cedar` files of a folder and the settings beside them, in name order. */
export async function readPolicies(folder: string): Promise<readonly PolicyFile[]> {
  const all = await readdir(folder);
  for (const name of all) refuseMisnamed(name);
  const names = all.filter((name) => name.endsWith('.cedar') || settings.has(name)).sort();
  return await Promise.all(
    names.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })),
  );
}

/** Puts exactly these files into a folder, in the place of those that are read from it. */
export async function writePolicies(folder: string, files: readonly PolicyFile[]): Promise<void> {
  const names = new Set(files.map(({ name }) => name));
  for (const { name, text } of files) {
    const path = join(folder, basename(name));
    const there = await readFile(path, 'utf8').catch(() => null);
    if (there !== text) await writeDurably(path, text, 0o644);
  }
  for (const { name } of await readPolicies(folder)) if (!names.has(name)) await rm(join(folder, name));
}

const settings: ReadonlySet<string> = new Set([
  agentPassportsFileName,
  callApprovalsFileName,
  flowsFileName,
  limitsFileName,
  tokensFileName,
  signedCallsFileName,
]);

/** Passed over, it would be limits that hold nothing, labels that nothing has, tokens that nobody wants, calls that nobody has to sign, and approvals that anybody gives. */
function refuseMisnamed(name: string): void {
  if (settings.has(name)) return;
  if (/^limits?\.(ya?ml|json)$/i.test(name)) {
    throw new Fault('config_invalid', `Limits are read from ${limitsFileName}, not ${name}. Rename it.`);
  }
  if (/^flows?\.(ya?ml|json)$/i.test(name)) {
    throw new Fault('config_invalid', `Labels are read from ${flowsFileName}, not ${name}. Rename it.`);
  }
  if (/^tokens?\.(ya?ml|json)$/i.test(name)) {
    throw new Fault('config_invalid', `Token rules are read from ${tokensFileName}, not ${name}. Rename it.`);
  }
  if (/^agent[-_]?passports?\.(ya?ml|json)$/i.test(name)) {
    const detail = `Agent Passports are read from ${agentPassportsFileName}, not ${name}. Rename it.`;
    throw new Fault('config_invalid', detail);
  }
  if (/^(call[-_]?)?approv(al|er)s?\.(ya?ml|json)$/i.test(name)) {
    const detail = `Who approves calls is read from ${callApprovalsFileName}, not ${name}. Rename it.`;
    throw new Fault('config_invalid', detail);
  }
  if (/^signed[-_]?calls?\.(ya?ml|json)$/i.test(name)) {
    const detail = `Which calls are signed is read from ${signedCallsFileName}, not ${name}. Rename it.`;
    throw new Fault('config_invalid', detail);
  }
}
