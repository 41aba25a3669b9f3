import { watch } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fault, toFault } from '../../kernel/fault.ts';
import { compilePolicies } from '../../policy/compile-policies.ts';
import type { PolicyFile } from './feed-message.ts';

/** The folder of `*.cedar` files, read again whenever it changes. */
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
 * set stays and `onRefused` is told. Throws Fault `policy_invalid`.
 */
export async function openPolicyFolder(options: {
  readonly folder: string;
  readonly onLoaded: (files: readonly PolicyFile[]) => void;
  readonly onRefused: (fault: Fault) => void;
}): Promise<PolicyFolder> {
  await mkdir(options.folder, { recursive: true });
  let current = await readPolicies(options.folder);
  compilePolicies(current);
  let problem: Fault | null = null;
  let refreshing: Promise<void> = Promise.resolve();

  const load = async (): Promise<void> => {
    try {
      const files = await readPolicies(options.folder);
      if (JSON.stringify(files) === JSON.stringify(current) && !problem) return;
      compilePolicies(files);
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

/** The `*.cedar` files of a folder in name order. */
export async function readPolicies(folder: string): Promise<readonly PolicyFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.cedar')).sort();
  return await Promise.all(
    names.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })),
  );
}
