import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { heldKeyContract, type HolderWorld } from './held-key.contract.ts';
import { signingPolicy, skip, startOpenBao } from './open-bao.ts';

heldKeyContract('OpenBao transit', { skip, open: openWorld });

async function openWorld(folder: string): Promise<HolderWorld> {
  const bao = await startOpenBao(folder);
  const tokenFile = join(folder, 'token');
  const both = `${signingPolicy('intermediate', true)}\n${signingPolicy('root', true)}`;
  await writeFile(tokenFile, await bao.tokenFor('authority', both), { mode: 0o600 });
  const reference = (key: string): string =>
    `vault:transit/keys/${key}?address=${bao.address}&ca=${bao.authorities}&token=file:${tokenFile}`;
  let frozen = false;
  return {
    intermediate: reference('intermediate'),
    root: reference('root'),
    environment: {},
    async withWrongCredentials(right) {
      const wrong = join(folder, 'wrong-token');
      await writeFile(wrong, await bao.tokenFor('stranger', signingPolicy('other')), { mode: 0o600 });
      assert.ok(right.includes(tokenFile));
      return right.replace(tokenFile, wrong);
    },
    restoreCredentials: async () => undefined,
    goAway: () => bao.stop(),
    async comeBack() {
      if (frozen) bao.thaw();
      else await bao.start();
      frozen = false;
    },
    async hang() {
      bao.freeze();
      frozen = true;
    },
    async disable() {
      await bao.ask('POST', 'transit/keys/intermediate/rotate', {});
      await bao.ask('POST', 'transit/keys/intermediate/config', { min_encryption_version: 2 });
    },
    async enable() {
      await bao.ask('POST', 'transit/keys/intermediate/config', { min_encryption_version: 1 });
    },
    [Symbol.asyncDispose]: () => bao[Symbol.asyncDispose](),
  };
}
