import { writeSync } from 'node:fs';
import { composeDeployment } from '../../src/app/compose/compose-deployment.ts';
import { configSchema, toConfig } from '../../src/app/config/config.ts';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { type Disk, systemDisk } from '../../src/audit/disk.ts';
import { systemClock } from '../../src/kernel/clock.ts';

/** Where in the writing of an entry the process dies. */
export type Moment = 'before' | 'half' | 'written' | 'synced';

const [, , folder = '', passphrase = '', type = '', moment = ''] = process.argv;

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** The machine's disk, until the entry of the given type comes: then the process is killed at the given moment. */
function dyingDisk(): Disk {
  let due = false;
  return {
    ...systemDisk,
    write(file, bytes, position) {
      due = Buffer.from(bytes).includes(`"type":"${type}"`);
      if (due && moment === 'before') die();
      if (due && moment === 'half') {
        systemDisk.write(file, bytes.subarray(0, bytes.length / 2), position);
        die();
      }
      systemDisk.write(file, bytes, position);
      if (due && moment === 'written') die();
    },
    async sync(file) {
      await systemDisk.sync(file);
      if (due && moment === 'synced') die();
    },
  };
}

const names = ['agents', 'authority', 'people', 'plain', 'ops'];
const listeners = Object.fromEntries(names.map((name) => [name, { port: 0 }]));
// Nothing is held here: what waits for somebody is refused at once.
const { gateway, listeners: open } = await composeDeployment({
  config: toConfig(configSchema.parse({ listeners, gateway: { approvalWaitMilliseconds: 0 } })),
  data: dataFolder(folder),
  passphrase: async () => passphrase,
  gateway: true,
  clock: systemClock,
  log: () => undefined,
  disk: dyingDisk(),
});
writeSync(1, `${gateway?.agents.url}\n${open['authority']?.url}\n`);
