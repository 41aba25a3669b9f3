import { Fault } from '../../kernel/fault.ts';
import { readPolicies } from '../feed/policy-folder.ts';
import { type PolicyRules, readPolicyFiles } from '../feed/policy-rules.ts';
import type { Positional } from './command.ts';

export const policyFolder: Positional = {
  name: 'folder',
  meaning: 'the folder with *.cedar files, limits.yaml and tokens.yaml',
  count: 'one',
};

/** What the policy folder says. Throws Fault `not_found` when there is no policy in it, and what reading it throws. */
export async function openPolicyFiles(path: string): Promise<PolicyRules> {
  const files = await readPolicies(path).catch((cause: unknown) => {
    if (cause instanceof Fault) throw cause;
    throw new Fault('not_found', `The folder ${path} cannot be read.`, { cause });
  });
  if (!files.some(({ name }) => name.endsWith('.cedar'))) {
    throw new Fault(
      'not_found',
      `There is no *.cedar file in ${path}; without policies everything is denied.`,
    );
  }
  return readPolicyFiles(files);
}
