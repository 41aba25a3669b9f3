import { DescribeKeyCommand, DisableKeyCommand, EnableKeyCommand } from '@aws-sdk/client-kms';
import { startFaultProxy } from './fault-proxy.ts';
import { heldKeyContract, type HolderWorld } from './held-key.contract.ts';
import { credentials, skip, startMoto } from './moto.ts';

heldKeyContract('AWS KMS (moto)', { skip, open: openWorld });

async function openWorld(): Promise<HolderWorld> {
  const moto = await startMoto();
  // Moto keeps its keys in memory: it is not stopped, the way to it is cut.
  const proxy = await startFaultProxy(moto.endpoint, null);
  const reference = (alias: string): string =>
    `aws-kms:alias/${alias}?region=eu-central-1&endpoint=${proxy.address}`;
  const idOf = async (alias: string): Promise<string> => {
    const found = await moto.client.send(new DescribeKeyCommand({ KeyId: `alias/${alias}` }));
    return found.KeyMetadata?.KeyId ?? '';
  };
  return {
    intermediate: reference('intermediate'),
    root: reference('root'),
    environment: {},
    async withWrongCredentials(right) {
      await moto.checkCredentials(true);
      return right;
    },
    restoreCredentials: () => moto.checkCredentials(false),
    async goAway() {
      proxy.meddle = () => null;
    },
    async comeBack() {
      proxy.meddle = null;
      moto.thaw();
    },
    async hang() {
      moto.freeze();
    },
    async disable() {
      await moto.client.send(new DisableKeyCommand({ KeyId: await idOf('intermediate') }));
    },
    async enable() {
      await moto.client.send(new EnableKeyCommand({ KeyId: await idOf('intermediate') }));
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await moto[Symbol.asyncDispose]();
    },
  };
}

process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId;
process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey;
