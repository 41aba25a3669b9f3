import { readPrivateFile, readTextFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { CommandContext, CommandInput, Flag } from './command.ts';

/** How whoever joins shows its one-time token and knows the authority it has never seen. */
export const joinTokenFlags: readonly Flag[] = [
  {
    name: 'join-token',
    kind: 'text',
    placeholder: 'token',
    meaning: 'a one-time token for the first start; others on this machine can see it here',
  },
  { name: 'join-token-file', kind: 'text', placeholder: 'file', meaning: 'a file (0600) with that token' },
  {
    name: 'workload-token-file',
    kind: 'text',
    placeholder: 'file',
    meaning: 'a file with the JWT that the platform gives to this workload, in place of a join token',
  },
  { name: 'ca', kind: 'text', placeholder: 'file', meaning: 'the root certificates to trust, in PEM' },
  {
    name: 'ca-fingerprint',
    kind: 'text',
    placeholder: 'sha256:…',
    meaning: 'the fingerprint of the root to trust at the first start',
  },
];

/** The token of the flags or of COUNTERSIGN_JOIN_TOKEN, or null. Throws Fault `file_mode`, `not_found`, `usage`. */
export async function readJoinToken(context: CommandContext, input: CommandInput): Promise<string | null> {
  const file = input.text('join-token-file');
  const workload = input.text('workload-token-file');
  if (workload !== null) {
    if (file !== null || input.text('join-token') !== null) {
      throw new Fault('usage', 'A join token and the token of a workload are two ways in. Choose one.');
    }
    // The platform chooses its mode; it is new every hour.
    return (await readTextFile(workload)).trim();
  }
  if (file !== null)
    return Buffer.from(await readPrivateFile(file))
      .toString('utf8')
      .trim();
  return input.text('join-token') ?? context.env['COUNTERSIGN_JOIN_TOKEN'] ?? null;
}
