import type { Check, Results } from './suite.ts';

/** One run of the suite directly and one through Countersign, side by side. */
export interface Comparison {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** One scenario of both runs. */
export interface Row {
  readonly scenario: string;
  readonly required: boolean;
  readonly direct: Tally;
  readonly through: Tally;
  /** What came out differently, one line each; empty when nothing did. */
  readonly differences: readonly string[];
}

/** How many checks succeeded, and how many there were that could. */
export interface Tally {
  readonly passed: number;
  readonly counted: number;
}

/** Compares check by check. A scenario or check that is there on one side only is a difference. */
export function compare(
  title: string,
  runs: {
    readonly direct: Results;
    readonly through: Results;
    readonly required: readonly string[];
    /** Checks that Countersign passes by an answer of its own, whatever the server would have said. */
    readonly ours?: readonly string[];
  },
): Comparison {
  const { direct, through, required, ours = [] } = runs;
  const scenarios = [...new Set([...required, ...direct.keys(), ...through.keys()])];
  const rows = scenarios.map((scenario) => {
    const before = direct.get(scenario) ?? [];
    const after = through.get(scenario) ?? [];
    return {
      scenario,
      required: required.includes(scenario),
      direct: tally(before),
      through: tally(after),
      differences: differences(before, after, ours),
    };
  });
  return { title, rows };
}

/** Whether anything came out differently, or a required check did not succeed at all. */
export function isRed({ rows }: Comparison): boolean {
  return rows.some(
    ({ differences, required, direct }) =>
      differences.length > 0 || (required && (direct.counted === 0 || direct.passed < direct.counted)),
  );
}

export function sum(rows: readonly Row[], side: 'direct' | 'through'): Tally {
  return {
    passed: rows.reduce((total, row) => total + row[side].passed, 0),
    counted: rows.reduce((total, row) => total + row[side].counted, 0),
  };
}

/** What is told only, without a judgement, is left out. */
function tally(checks: readonly Check[]): Tally {
  const counted = checks.filter(({ status }) => status !== 'INFO' && status !== 'SKIPPED');
  return { passed: counted.filter(({ status }) => status === 'SUCCESS').length, counted: counted.length };
}

function differences(
  before: readonly Check[],
  after: readonly Check[],
  ours: readonly string[],
): readonly string[] {
  if (after.length === 0) return ['did not run through Countersign'];
  if (before.length === 0) return ['did not run directly'];
  const judged = byName(after);
  const found: string[] = [];
  for (const [name, statuses] of byName(before)) {
    const others = judged.get(name);
    judged.delete(name);
    const was = statuses.map(({ status }) => status).join(', ');
    const is = (others ?? []).map(({ status }) => status).join(', ');
    if (was === is || (is === 'SUCCESS' && ours.includes(name))) continue;
    const why = others?.find(({ message }) => message !== '')?.message;
    found.push(`${name}: ${was}, through Countersign ${is || 'nothing'}${why ? `: ${why}` : ''}`);
  }
  for (const [name, statuses] of judged) {
    found.push(`${name}: only through Countersign, ${statuses.map(({ status }) => status).join(', ')}`);
  }
  return found;
}

/** Without what is told only: how many events a stream was cut into says nothing. */
function byName(checks: readonly Check[]): Map<string, readonly Check[]> {
  return Map.groupBy(
    checks.filter(({ status }) => status !== 'INFO'),
    ({ name }) => name,
  );
}
