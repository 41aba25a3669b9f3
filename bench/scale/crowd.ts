import { type ChildProcess, fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadAgent, LoadOrder, LoadResult, LoadWord } from './load.ts';

/** Agents with a connection each, in some processes. */
export interface Crowd {
  /** Connections that did not come about. */
  readonly failed: number;
  /** Calls that were made until all were connected. */
  readonly calls: number;
  go(): void;
  count(): void;
  stop(): Promise<LoadResult>;
}

/** Connects all agents, shared out over the processes, and waits until they are. */
export async function gather(
  agents: readonly LoadAgent[],
  order: Omit<LoadOrder, 'agents'> & { readonly folder: string; readonly processes: number },
): Promise<Crowd> {
  const children: ChildProcess[] = [];
  const connected: Promise<{ readonly failed: number; readonly calls: number }>[] = [];
  const done: Promise<LoadResult>[] = [];
  for (let at = 0; at < order.processes; at += 1) {
    const file = join(order.folder, `load-${at}.json`);
    writeFileSync(file, JSON.stringify(agents.filter((_, index) => index % order.processes === at)));
    const child = fork(join(import.meta.dirname, 'load.ts'), { execArgv: ['--max-old-space-size=1024'] });
    children.push(child);
    const first = Promise.withResolvers<{ readonly failed: number; readonly calls: number }>();
    const last = Promise.withResolvers<LoadResult>();
    child.on('message', (message) => {
      const word = message as LoadWord;
      if (word.word === 'connected') first.resolve(word);
      if (word.word === 'done') last.resolve(word);
    });
    child.once('exit', (code) => {
      const reason = new Error(`a load process ended with ${code}`);
      first.reject(reason);
      last.reject(reason);
    });
    last.promise.catch(() => undefined);
    connected.push(first.promise);
    done.push(last.promise);
    child.send({ ...order, agents: file });
  }
  const failures = await Promise.all(connected);
  const tell = (word: string): void => {
    for (const child of children) child.send(word);
  };
  return {
    failed: failures.reduce((sum, { failed }) => sum + failed, 0),
    calls: failures.reduce((sum, { calls }) => sum + calls, 0),
    go: () => tell('go'),
    count: () => tell('count'),
    async stop() {
      tell('stop');
      const results = await Promise.all(done);
      const sum = (of: (result: LoadResult) => number): number =>
        results.reduce((total, result) => total + of(result), 0);
      return {
        answered: sum(({ answered }) => answered),
        refused: sum(({ refused }) => refused),
        failed: sum(({ failed }) => failed),
        times: results.flatMap(({ times }) => times).toSorted((a, b) => a - b),
      };
    },
  };
}
