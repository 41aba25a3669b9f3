import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { heldKeyContract, type HolderWorld } from './held-key.contract.ts';
import { library, makeSoftHsm, skip } from './soft-hsm.ts';

const pin = '4711-4711';

heldKeyContract('PKCS #11 token (SoftHSM)', { skip, open: openWorld });

async function openWorld(folder: string): Promise<HolderWorld> {
  const hsm = await makeSoftHsm(folder, ['other', 'countersign'], pin);
  const pinFile = join(folder, 'pin');
  const tokens = join(folder, 'tokens');
  await writeFile(pinFile, `${pin}\n`, { mode: 0o600 });
  const reference = (object: string): string =>
    `pkcs11:token=countersign;object=${object};type=private?module-path=${library}&pin-source=file:${pinFile}`;
  let hung = false;
  return {
    intermediate: reference('intermediate'),
    root: reference('root'),
    environment: hsm.environment,
    async withWrongCredentials(right) {
      const wrong = join(folder, 'wrong-pin');
      await writeFile(wrong, 'not the PIN', { mode: 0o600 });
      return right.replace(pinFile, wrong);
    },
    restoreCredentials: async () => undefined,
    goAway: () => hsm.pull(),
    async comeBack() {
      await (hung ? hsm.revive() : hsm.plug());
      hung = false;
    },
    async hang() {
      hung = true;
      await hsm.hang();
    },
    async disable() {
      await cp(tokens, `${tokens}.before`, { recursive: true });
      const object = ['--token-label', 'countersign', '--type', 'privkey', '--label', 'intermediate'];
      hsm.run('pkcs11-tool', ['--module', library, '--login', '--pin', pin, '--delete-object', ...object]);
    },
    async enable() {
      await rm(tokens, { recursive: true });
      await cp(`${tokens}.before`, tokens, { recursive: true });
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
