import { arms, controlTable } from './controls.ts';
import { families } from './families/families.ts';
import { ablated, type ArmResults, type RangeResults } from './run-range.ts';
import { times } from './letters.ts';
import { wilson } from './wilson.ts';

interface Count {
  readonly won: number;
  readonly cascaded: number;
  readonly tried: number;
}

const armTitles: Readonly<Record<string, string>> = {
  none: 'no gateway',
  default: 'default policy',
  strict: 'strict policy',
};

/** Families in which an agent is led astray by what it reads. */
const ledAstray = ['A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'A7', 'A8', 'A15'];

/** docs/security/attack-range.md, from what a run came to. */
export function pageOf(results: RangeResults): string {
  return [head(results), scenarios(results), perFamily(results), benign(results), ablation(results), tail]
    .map((part) => part.trim())
    .join('\n\n')
    .concat('\n');
}

/** What a run came to, in a few lines for a terminal. */
export function summaryOf({ arms: found }: Pick<RangeResults, 'arms'>): string {
  const rows = [
    ['attack succeeds', ...Object.values(armTitles)],
    ...scenarioRows.map(([title, id]) => [title, ...shareOf(found, [id])]),
    ['an agent led astray', ...shareOf(found, ledAstray)],
    [
      `all ${families.length} families`,
      ...shareOf(
        found,
        families.map(({ id }) => id),
      ),
    ],
    ['benign tasks completed', ...Object.keys(armTitles).map((arm) => completed(found[arm]))],
  ];
  const lines = rows.map(([first = '', ...cells]) =>
    `${first.padEnd(24)}${cells.map((cell) => cell.padStart(16)).join('')}`.trimEnd(),
  );
  return `${lines.join('\n')}\n\nWhat a gateway does under an agent that obeys everything it reads; no model was asked.`;
}

function shareOf(found: RangeResults['arms'], ids: readonly string[]): readonly string[] {
  return Object.keys(armTitles).map((arm) => rate(countOf(found[arm], ids)));
}

const scenarioRows = [
  ['Prompt recall', 'A12'],
  ['Log scraping', 'A13'],
  ['Token reuse', 'A9'],
] as const;

/** A share in whole percent. */
export function percent(part: number, whole: number): string {
  return `${whole === 0 ? 0 : Math.round((100 * part) / whole)} %`;
}

function countOf(arm: ArmResults | undefined, ids: readonly string[]): Count {
  const letters = ids.map((id) => arm?.families[id] ?? '').join('');
  const cascaded = times('C', letters);
  const won = cascaded + times('S', letters);
  return { won, cascaded, tried: letters.length };
}

function head(results: RangeResults): string {
  const all = families.map(({ id }) => id);
  const shares = (ids: readonly string[]): string =>
    Object.entries(armTitles)
      .map(([arm, title]) => `${rate(countOf(results.arms[arm], ids))} with ${title}`)
      .join(', ')
      .replace('with no gateway', 'without a gateway')
      .replaceAll('with default', 'with the default')
      .replaceAll('with strict', 'with the strict');
  const tasks = Object.entries(armTitles)
    .map(([arm]) => completed(results.arms[arm]))
    .join(', ');
  return `
# The attack range

One hostile server of five and an agent that obeys everything it reads, ${countOf(results.arms['none'], ledAstray).tried} attempts in each arm: the attack succeeds in ${shares(ledAstray)}. Of
benign tasks ${tasks} are completed in the same arms. Over all ${all.length} families: ${shares(all)}.

**What this measures.** A gateway under an agent that obeys, and no model. Without a gateway most attacks succeed by construction: nothing is in their
way. No number here says how often a model would fall for an attack; for one that was measured with models, see arXiv:2601.17549 (78.3 % with one hostile
server of five). What is judged is what servers did and what the attacker came to know: counters and canaries, and no judge that reads.

Made by \`npm run attacks -- --write\` (\`test/range\`, see \`docs/decisions/0042-attack-range.md\`), seed ${results.seed}; never edited. \`test/range/range.test.ts\` checks that this page is what the
script writes, and makes the first attempts of every family again. Intervals are Wilson’s for 95 %. Success is what the family says it is; the cascade rate is the
share of successes in which a server that is not hostile did something for the attacker.

| arm | what it is |
|---|---|
| no gateway | the client holds one token that is good at all five servers, as single sign-on gives it; names of tools are flat, and of two alike the last counts |
| default policy | what is there without a choice, and a policy that permits the tools that the work needs: ${controlsOf('default')} |
| strict policy | besides, ${controlsOf('strict')} |
`;
}

function controlsOf(arm: 'default' | 'strict'): string {
  const own = arms[arm];
  const before = arm === 'strict' ? arms.default : null;
  return controlTable
    .filter(({ id }) => own?.[id] && !before?.[id])
    .map(({ title }) => title)
    .join('; ');
}

function scenarios(results: RangeResults): string {
  const lines = scenarioRows.map(
    ([title, id]) => `| ${title} | ${id} | ${cells(results, [id]).join(' | ')} |`,
  );
  return `## The three scenarios\n\n| scenario | family | ${Object.values(armTitles).join(' | ')} |\n|---|---|---|---|---|\n${lines.join('\n')}`;
}

function perFamily(results: RangeResults): string {
  const lines = families.map(
    ({ id, title, success }) => `| ${id} | ${title} | ${success} | ${cells(results, [id]).join(' | ')} |`,
  );
  const cascade = Object.keys(armTitles).map((arm) => {
    const { cascaded, won } = countOf(results.arms[arm], ledAstray);
    return won === 0 ? 'no successes' : percent(cascaded, won);
  });
  return `## Families

${families.map(({ id }) => results.arms['none']?.families[id]?.length ?? 0).reduce((sum, one) => sum + one, 0)} attempts in each arm, drawn from the seed.

| id | attack | success is when | ${Object.values(armTitles).join(' | ')} |
|---|---|---|---|---|---|
${lines.join('\n')}
| | **an agent led astray** (${ledAstray.join(', ')}) | | ${cells(results, ledAstray).join(' | ')} |
| | cascade rate of those | | ${cascade.join(' | ')} |`;
}

function cells(results: RangeResults, ids: readonly string[]): readonly string[] {
  return Object.keys(armTitles).map((arm) => {
    const count = countOf(results.arms[arm], ids);
    const { low, high } = wilson(count.won, count.tried);
    return `${rate(count)} (${Math.round(100 * low)}–${Math.round(100 * high)})`;
  });
}

function rate({ won, tried }: Count): string {
  return percent(won, tried);
}

function benign(results: RangeResults): string {
  const lines = Object.entries(armTitles).map(([arm, title]) => {
    const { benign: letters = '' } = results.arms[arm] ?? {};
    const blocked = times('b', letters);
    const failed = times('x', letters);
    const { low, high } = wilson(blocked, letters.length);
    return `| ${title} | ${letters.length} | ${completed(results.arms[arm])} | ${percent(blocked, letters.length)} (${Math.round(100 * low)}–${Math.round(100 * high)}) | ${failed} |`;
  });
  return `## Benign tasks

Sixteen kinds of work in turn, without anybody hostile. A task is complete when every server did what was asked of it; it is blocked falsely when the gateway
refused or asked about a step. Nobody is there to approve, so what would be asked counts as blocked. Some kinds are such as strict rules are made
against: mail to outsiders, sites that are on no list.

| arm | tasks | completed | blocked falsely | failed otherwise |
|---|---|---|---|---|
${lines.join('\n')}`;
}

function completed(arm: ArmResults | undefined): string {
  const letters = arm?.benign ?? '';
  return percent(times('c', letters), letters.length);
}

function ablation(results: RangeResults): string {
  const all = families.map(({ id }) => id);
  const strict = results.arms['strict'];
  const lines = ablated().map(([id]) => {
    const control = controlTable.find((one) => one.id === id);
    const arm = results.ablation[id];
    if (!arm) return `| ${control?.title ?? id} | ${control?.off ?? ''} | not measured | – | – |`;
    const worse = all
      .map((family) => [family, countOf(strict, [family]), countOf(arm, [family])] as const)
      .filter(([, before, after]) => after.won > before.won)
      .map(([family, before, after]) => `${family} ${before.won} → ${after.won}`);
    return `| ${control?.title ?? id} | ${control?.off ?? ''} | ${rate(countOf(arm, all))} | ${completed(arm)} | ${worse.join(', ') || 'none by itself'} |`;
  });
  return `## Each control off in turn

The strict arm without one of its controls. Where none is worse, others hold what this one holds, or nothing here tries it. What cannot be turned off has no row:
certificates of agents, the strict reader of messages, sealed sessions and handles, names that stand behind their server, the record before the
call.

| control | in its place | success, all families | benign completed | families with more successes of ${results.arms['none']?.families['A1']?.length ?? 0} |
|---|---|---|---|---|
| all of them on | – | ${rate(countOf(strict, all))} | ${completed(strict)} | – |
${lines.join('\n')}`;
}

const tail = `## What is left

- **What the agent may do, it may be led to do.** A hostile server gets whatever the agent is led to write to it with tools and arguments that are permitted: the rows A1 to A4
  and A15 with the strict policy are such. Identity cannot stop that; fewer grants and narrower rules can.
- **The first look is a person’s.** Here an administrator approves whatever is listed first, however it reads, and heeds no advice about it: so A1 and A2 are what policy leaves of them.
- **What a server is honestly sent, it has.** A server that turns hostile keeps what it was given for its work.
- **The range is ours.** Whoever wrote the attacks wrote the controls as well. Attempts that are not in it are not measured; new families are one row in
  \`test/range/families\`.
- **Nobody approves.** What policy asks a person about is refused here. A person who approves what they do not read lets through what was asked about.
- **Pins hold definitions.** A tool whose definition stays and whose behaviour changes, as in every fourth attempt of A6, is held by no pin.
- **Nothing was held out.** Attempts are drawn from one seed, and the rules of the strict arm were written once and not fitted to them; there is no second set that nobody had seen.
- **A thief with the key of an agent is that agent** until its certificate ends or is revoked; nothing here steals keys.
`;
