import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../../kernel/fault.ts';
import { starterPolicies } from '../../../policy/tools/starter-policies.ts';
import type { Command } from '../command.ts';
import { readDefinitionsFile, toolsFlag } from '../tools-file.ts';

/** `policy init`: policies to begin with. */
export const policyInitCommand: Command = {
  path: ['policy', 'init'],
  summary:
    'Write policies to begin with: auditor, reader, developer and operator over the tools of a file, and their tests',
  example: 'countersign policy init ./policies --tools ./tools.json',
  flags: [{ ...toolsFlag, required: true }],
  positionals: [{ name: 'folder', meaning: 'where the files are written; none is replaced', count: 'one' }],
  async run(_context, input) {
    const folder = input.word('folder');
    const files = starterPolicies(await readDefinitionsFile(input.must('tools')));
    await mkdir(folder, { recursive: true });
    for (const { name, text } of files) {
      await writeFile(join(folder, name), text, { flag: 'wx' }).catch((cause: unknown) => {
        throw new Fault(
          'conflict',
          `${join(folder, name)} cannot be written, or is there already; nothing is replaced.`,
          { cause },
        );
      });
    }
    const names = files.map(({ name }) => name);
    return {
      text: [
        `Written to ${folder}: ${names.join(', ')}.`,
        'What a tool does is what its server says of it: read the files over.',
        `Then: countersign policy test ${folder} ${join(folder, 'starter-tests.yaml')}`,
      ].join('\n'),
      json: { folder, files: names },
    };
  },
};
