import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { exportPeer, joinPeer } from '../../src/app/authority/export-peer.ts';
import { composeDeployment, type Deployment } from '../../src/app/compose/compose-deployment.ts';
import { configSchema, toConfig } from '../../src/app/config/config.ts';
import { openStore } from '../../src/app/store/open-store.ts';
import type { Store } from '../../src/app/store/store.ts';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { freshAuthority, passphrase } from './fresh-authority.ts';

/** Two authorities of one store, which is in this process; they share nothing else. */
export interface TwoAuthorities extends AsyncDisposable {
  readonly store: Store;
  readonly a: Deployment;
  readonly b: Deployment;
  /** Both, with a comma between. */
  readonly urls: string;
  /** What they say to their operators. */
  readonly lines: string[];
  /** Their data folders. */
  readonly folders: readonly [string, string];
}

const onTheWay = 'a passphrase on the way';

/** Opens both. `settings` are members of the configuration's `authority`. */
export async function openTwoAuthorities(settings: JsonObject = {}): Promise<TwoAuthorities> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-two-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const [first, second] = [dataFolder(join(folder, 'a')), dataFolder(join(folder, 'b'))];
  await cp(await freshAuthority(), first.folder, { recursive: true });
  await writeFile(join(first.policies, 'all.cedar'), 'permit (principal, action, resource);');
  const target = join(folder, 'bundle');
  const bundlePassphrase = onTheWay;
  await exportPeer(first, { target, passphrase, bundlePassphrase, clock: systemClock, cost: 2 });
  const joining = { name: 'b', passphrase, bundlePassphrase, rootFingerprint: null, cost: 2 };
  await joinPeer(target, second, joining);
  const own = opened.use(await openStore({ file: first.database, clock: systemClock }));
  const store: Store = { ...own, isShared: true };
  const lines: string[] = [];
  const open = async (data: typeof first): Promise<Deployment> => {
    const names = ['agents', 'authority', 'people', 'plain', 'ops'];
    const listeners = Object.fromEntries(names.map((name) => [name, { port: 0 }]));
    return opened.use(
      await composeDeployment({
        config: toConfig(configSchema.parse({ listeners, authority: settings })),
        data,
        passphrase: async () => passphrase,
        gateway: false,
        clock: systemClock,
        log: (line) => lines.push(line),
        store,
      }),
    );
  };
  const [a, b] = [await open(first), await open(second)];
  const urls = [a, b].map(({ listeners }) => listeners['authority']?.url ?? '').join();
  const held = opened.move();
  const folders = [first.folder, second.folder] as const;
  return { store, a, b, urls, lines, folders, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
