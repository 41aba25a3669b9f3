import { watch } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, toFault } from '../../kernel/fault.ts';
import {
  agentPassportsFileName,
  callApprovalsFileName,
  flowsFileName,
  limitsFileName,
  signedCallsFileName,
  tokensFileName,
} from '../config/file-names.ts';
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
}

/**
 * Opens the folder. A set that does not compile never takes force: at start it ends the start, later the last good
 * set stays and `onRefused` is told. Throws Fault `policy_invalid` or `config_invalid`.
 */
export async function openPolicyFolder(options: {
  readonly folder: string;
  readonly onLoaded: (files: readonly PolicyFile[]) => void;
  readonly onRefused: (fault: Fault) => void;
}): Promise<PolicyFolder> {
  await mkdir(options.folder, { recursive: true });
  let current = await readPolicies(options.folder);
  let { policies } = await readPolicyFilesInTurns(current, null);
  let problem: Fault | null = null;
  let refreshing: Promise<void> = Promise.resolve();

  const load = async (): Promise<void> => {
    try {
      const files = await readPolicies(options.folder);
      if (JSON.stringify(files) === JSON.stringify(current) && !problem) return;
      ({ policies } = await readPolicyFilesInTurns(files, policies));
      current = files;
      problem = null;
      options.onLoaded(files);
    } catch (error) {
      const fault = toFault(error);
      if (problem?.message !== fault.message) options.onRefused(fault);
      problem = fault;
    }
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
    [Symbol.dispose]() {
      watcher.close();
      clearInterval(poll);
      if (pending) clearTimeout(pending);
    },
  };
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
