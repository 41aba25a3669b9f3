import { resolve } from 'node:path';
import { signIntermediate } from '../../../ca/sign-intermediate.ts';
import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import { readTextFile, writeDurably } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import { dataFolder } from '../../authority/data-folder.ts';
import { keyReferenceFile } from '../../authority/signing-key-file.ts';
import type { Command, CommandContext, CommandInput, CommandResult, Flag } from '../command.ts';
import { printable } from '../format-table.ts';
import {
  intermediateLifeFlag,
  lifeOf,
  readRequestFile,
  requestFileOf,
  signedIntermediateOf,
  withRootOcsp,
} from '../intermediate-request.ts';
import { readRootKey, rootKeyFlag } from '../root-key.ts';
import { administer, administrationFlags } from './administration.ts';
import { describe } from './show-json.ts';

/** Where the key of the next intermediate lives. */
export const keyFlag: Flag = {
  name: 'key',
  kind: 'text',
  placeholder: 'reference',
  meaning:
    'where the new key lives instead of an encrypted file: vault:…, aws-kms:… or pkcs11:…; made there if missing',
};

/** Replacing the intermediate or the root: prepare, activate, retire. */
export const rotateCommands: readonly Command[] = [
  {
    path: ['rotate', 'intermediate'],
    summary: 'Prepare a new intermediate: a new key, certified by the root; nothing issues with it yet',
    example: 'countersign rotate intermediate --root-key /media/safe/root-key.json',
    flags: [
      rootKeyFlag,
      keyFlag,
      intermediateLifeFlag,
      {
        name: 'request-out',
        kind: 'text',
        placeholder: 'file',
        meaning: 'write what the root has to sign to a file, for a root key that is kept offline',
      },
      {
        name: 'certificate',
        kind: 'text',
        placeholder: 'file',
        meaning: 'what `root sign` made of that file',
      },
      ...administrationFlags,
    ],
    positionals: [],
    run: prepare,
  },
  {
    path: ['rotate', 'status'],
    summary: 'Show how far a rotation has come, and what keeps the intermediate before from being retired',
    example: 'countersign rotate status',
    flags: administrationFlags,
    positionals: [],
    async run(context, input) {
      const json = await administer(context, input, 'rotation.show', {});
      return { text: describe(json), json };
    },
  },
  stepCommand('activate', 'Issue with the prepared intermediate; what the one before has issued goes on', {
    flag: {
      name: 'force',
      kind: 'switch',
      meaning: 'also while some may not know the new root yet; they have to enrol again',
    },
    says: 'The new intermediate issues from now on. When what the one before has issued is renewed or over: countersign rotate retire',
  }),
  stepCommand(
    'retire',
    'End the intermediate before: its key is removed and its CRLs are published no more',
    {
      says: 'The intermediate before is retired. If its key lives in a token, a vault or a KMS, destroy it there.',
      flag: {
        name: 'force',
        kind: 'switch',
        meaning: 'revoke what it has issued and is still in force, instead of waiting',
      },
    },
  ),
  stepCommand('abandon', 'Give up a prepared intermediate that does not issue yet', {
    says: 'The prepared intermediate is forgotten, and its key with it.',
  }),
];

function stepCommand(
  step: 'activate' | 'retire' | 'abandon',
  summary: string,
  more: { readonly says: string; readonly flag?: Flag },
): Command {
  const { says, flag } = more;
  return {
    path: ['rotate', step],
    summary,
    example: `countersign rotate ${step}`,
    flags: [...(flag ? [flag] : []), ...administrationFlags],
    positionals: [],
    async run(context, input) {
      const order: Json = flag ? { [flag.name]: input.on(flag.name) } : {};
      return { text: says, json: await administer(context, input, `rotation.${step}`, order) };
    },
  };
}

async function prepare(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const signed = input.text('certificate');
  if (signed !== null) return await handIn(context, input, await readTextFile(resolve(signed)));
  const life = lifeOf(input);
  await nameKey(input);
  const text = requestFileOf(await administer(context, input, 'rotation.request', {}));
  const file = input.text('request-out');
  if (file !== null) {
    await writeDurably(resolve(file), text, 0o644);
    return {
      text: `What the root has to sign is in ${resolve(file)}. Where its key is: countersign root sign`,
      json: { request: resolve(file) },
    };
  }
  const order = readRequestFile(text);
  await using key = await readRootKey(context, input, order.root);
  const certificate = await signIntermediate({ ...order, now: context.clock.now(), life }, key);
  const now = context.clock.now();
  return await handIn(context, input, await withRootOcsp(certificate, { root: order.root, now }, key));
}

async function handIn(context: CommandContext, input: CommandInput, signed: string): Promise<CommandResult> {
  const json = await administer(context, input, 'rotation.prepare', signedIntermediateOf(signed));
  const next = isJsonObject(json) && isJsonObject(json['next']) ? json['next'] : {};
  return {
    text: `Prepared: ${printable(typeof next['name'] === 'string' ? next['name'] : '')}. Nothing issues with it yet. Next: countersign rotate activate`,
    json,
  };
}

/** A reference names programs and addresses, so it does not go over the network: the owner of the folder writes it there. */
export async function nameKey(input: CommandInput): Promise<void> {
  const reference = input.text('key');
  if (reference === null) return;
  if (input.text('authority') !== null) {
    throw new Fault('usage', '--key is given on the machine of the authority, with --folder.');
  }
  await writeDurably(dataFolder(input.must('folder')).nextKey, keyReferenceFile(reference));
}
