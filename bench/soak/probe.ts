import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What a process says of itself when it is asked, after a full collection: octets, and open resources by their kind. */
export interface Probed {
  readonly heap: number;
  /** Outside V8's heap: buffers and the like. */
  readonly external: number;
  readonly resources: Readonly<Record<string, number>>;
}

/** The folder where it is written, as `<pid>.json`. Loaded into a process with `--import`; asked with SIGUSR2. */
export const probeVariable = 'COUNTERSIGN_SOAK_PROBES';

const folder = process.env[probeVariable];
if (folder !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  process.on('SIGUSR2', () => {
    collect();
    const { heapUsed: heap, external } = process.memoryUsage();
    const resources: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
    const file = join(folder, `${process.pid}.json`);
    writeFileSync(`${file}.new`, JSON.stringify({ heap, external, resources } satisfies Probed));
    renameSync(`${file}.new`, file);
  });
}
