import type { ChangedTool } from '../expiry/expiry-watch.ts';
import type { ToolRecords } from '../store/tool-records.ts';
import { parsed } from './definitions.ts';
import { describeChange } from './describe-change.ts';

const longestDetail = 1_000;

/** The tools that are not what was approved, with what changed in them. */
export async function changedTools(tools: Pick<ToolRecords, 'list'>): Promise<readonly ChangedTool[]> {
  const changed = (await tools.list()).filter(({ state }) => state === 'changed');
  return changed.map(({ server, tool, seen, approved: [last] }) => {
    const lines = seen && last ? describeChange(parsed(last.text), parsed(seen.text)) : [];
    const what = lines.length > 0 ? lines.join('; ') : 'its definition changed, and is what it was again';
    return { server, tool, detail: `It is hidden and refused: ${what}`.slice(0, longestDetail) };
  });
}
