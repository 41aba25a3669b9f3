import type { Recalled } from './flow-memory.ts';
import { type Labels, noLabels } from './flow-rules.ts';

/** What a record says of labels; nothing where there are none. */
export interface FlowRecord {
  /** What policy saw of what is said of the targets. */
  readonly labels?: Labels;
  /** What the agent had used before. */
  readonly touched?: Labels;
}

export function flowRecord(labels: Labels, touched: Recalled | null): FlowRecord {
  if (labels.length === 0 && (touched?.labels.length ?? 0) === 0) return noFlow;
  return { labels, touched: touched?.labels ?? noLabels };
}

const noFlow: FlowRecord = Object.freeze({});
