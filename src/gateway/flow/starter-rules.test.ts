import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Standing } from '../../identity/standing.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { toFault } from '../../kernel/fault.ts';
import type { Inbound } from '../../mcp/message.ts';
import type { Grant } from '../../oauth/resource/grant.ts';
import { compilePolicies } from '../../policy/compile-policies.ts';
import { authorize, type Permit } from '../authorize.ts';
import { callsOf, standingOf } from '../caller.fixture.ts';
import { CallTrace } from './call-trace.ts';
import { createFlowGuard } from './flow-guard.ts';
import type { Recalled } from './flow-memory.ts';
import { type FlowRules, knownLabels, type Labels, labelList, noLabels, union } from './flow-rules.ts';
import { memoryFlow } from './memory-flow.ts';

const starter = readFileSync(join(import.meta.dirname, '../../../examples/flow-rules/flows.cedar'), 'utf8');
const policies = compilePolicies([
  { name: 'all.cedar', text: '@id("all") permit (principal, action, resource);' },
  { name: 'flows.cedar', text: starter },
]);

const minute = 60_000;
const quiet = 60 * minute;
const longest = 600 * minute;

/** Agents: two that stand alone, one below the first, one below that. */
const standings = await Promise.all(['a', 'b'].map((name) => standingOf(name)));
const parents: Readonly<Record<string, string>> = { 'a--one': 'a', 'a--one--two': 'a--one' };
const names = ['a', 'b', 'a--one', 'a--one--two'] as const;

function standingFor(name: string): Standing {
  const [first] = standings;
  const whole = standings.find(({ agent }) => agent?.name === name);
  if (whole || !first?.agent) return whole as Standing;
  const agent = { ...first.agent, name, parent: parents[name] };
  return {
    caller: { name },
    agent,
    profile: 'agent',
    hardware: false,
  } as unknown as Standing;
}

/** A server's tools by name, with their labels, and those of the server. */
interface Town {
  readonly server: Labels;
  readonly tools: readonly Labels[];
}

const labelsArbitrary = fc.subarray([...knownLabels]).map(labelList);
const towns = fc.array(
  fc.record({
    server: fc.oneof({ weight: 3, arbitrary: fc.constant(noLabels) }, labelsArbitrary),
    tools: fc.array(labelsArbitrary, { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
);
const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constantFrom('call' as const, 'batch' as const, 'answer' as const, 'list' as const),
        agent: fc.constantFrom(...names),
        person: fc.constantFrom(null, 'alice', 'bob'),
        delegated: fc.boolean(),
        server: fc.nat(2),
        tools: fc.tuple(fc.nat(2), fc.nat(2)),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 90 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('forget' as const),
        agent: fc.constantFrom('a', 'b'),
        person: fc.constantFrom(null, 'alice'),
      }),
    },
  ),
  { minLength: 1, maxLength: 30 },
);

function rulesOf(all: readonly Town[]): FlowRules {
  return {
    words: new Set(knownLabels),
    servers: new Map(
      all.map(({ server, tools }, at) => [
        `s${at}`,
        {
          own: server,
          everything: false,
          tools: new Map(tools.map((labels, which) => [`t${which}`, union(server, labels)])),
          prompts: new Map(),
          resources: [],
          all: tools.reduce((sum, labels) => union(sum, labels), server),
        },
      ]),
    ),
    otherwise: {
      own: noLabels,
      everything: false,
      tools: new Map(),
      prompts: new Map(),
      resources: [],
      all: noLabels,
    },
    remember: { quiet, longest, apart: 'person' },
  };
}

/** What a reader of the documentation would expect: every use ever, and a look through all of them. */
class Model {
  readonly #uses: { at: number; family: string; person: string | null; labels: Labels }[] = [];
  /** When each family's task for a person was last at work. */
  readonly #worked = new Map<string, number>();

  touched(families: readonly string[], person: string | null, now: number): ReadonlySet<string> {
    const found = this.#uses.filter(
      (use) =>
        families.includes(use.family) &&
        (person === null || use.person === null || use.person === person) &&
        now - use.at <= longest &&
        now - (this.#worked.get(`${use.family} ${use.person}`) ?? 0) <= quiet,
    );
    return new Set(found.flatMap(({ labels }) => labels));
  }

  work(families: readonly string[], person: string | null, now: number): void {
    for (const use of this.#uses.slice()) {
      if (!families.includes(use.family) || (person !== null && use.person !== null && use.person !== person))
        continue;
      const key = `${use.family} ${use.person}`;
      if (now - (this.#worked.get(key) ?? 0) <= quiet) this.#worked.set(key, now);
      else this.drop((other) => other.family === use.family && other.person === use.person);
    }
  }

  use(families: readonly string[], person: string | null, labels: Labels, now: number): void {
    if (labels.length === 0) return;
    this.work(families, person, now);
    for (const family of families) {
      this.#uses.push({ at: now, family, person, labels });
      this.#worked.set(`${family} ${person}`, now);
    }
  }

  forget(family: string, person: string | null): void {
    this.drop(
      (use) => use.family === family && (person === null || use.person === null || use.person === person),
    );
  }

  drop(which: (use: { family: string; person: string | null }) => boolean): void {
    const kept = this.#uses.filter((use) => !which(use));
    this.#uses.splice(0, this.#uses.length, ...kept);
  }
}

function response(): Inbound {
  const message = { ...callsOf('x').messages[0], kind: 'response', method: null, target: { kind: 'server' } };
  return { ...callsOf('x'), messages: [message] } as unknown as Inbound;
}

test('A6 no sequence of calls carries private data to a public sink, or destroys after strangers were read, without an approval (model-based)', () => {
  let permitted = 0;
  let refused = 0;
  fc.assert(
    fc.property(towns, steps, (all, script) => {
      const clock = steppedClock(1_000_000_000);
      const rules = rulesOf(all);
      const memory = memoryFlow(clock);
      const view = {
        trustDomain: 'example.internal',
        agent: (name: string) => standingFor(name).agent,
      };
      const flow = createFlowGuard({ rules: () => rules, memory, view });
      const model = new Model();
      for (const step of script) {
        if (step.kind === 'wait') {
          clock.advance(step.minutes * minute);
          continue;
        }
        if (step.kind === 'forget') {
          memory.forget({ family: step.agent, person: step.person, until: clock.now() });
          model.forget(step.agent, step.person);
          clock.advance(1);
          continue;
        }
        const at = step.server % all.length;
        const town = all[at];
        assert.ok(town);
        const tools = step.tools.map((tool) => tool % town.tools.length);
        const standing = standingFor(step.agent);
        const actors = step.delegated && step.person !== null ? ['spiffe://example.internal/agent/b'] : [];
        const grant =
          step.person === null ? null : ({ ...noToken, person: step.person, actors } as unknown as Grant);
        const families = [step.agent.startsWith('a') ? 'a' : 'b', ...(actors.length > 0 ? ['b'] : [])];
        const person = step.person;
        const inbound = bodyOf(step.kind, tools);
        const now = clock.now();
        const touched = model.touched(families, person, now);

        const recalled = flow.recall({ standing, grant }, inbound) as Recalled;
        assert.deepEqual(new Set(recalled.labels), touched, 'what is remembered is what the model says');
        if (step.kind === 'call' || step.kind === 'batch') model.work(families, person, now);
        const labels = labelsFor(step.kind, town, tools);
        const leaks =
          (touched.has('private') || labels.includes('private')) && labels.includes('public-sink');
        const split =
          step.kind === 'batch' &&
          !(touched.has('private') && labels.includes('public-sink')) &&
          !tools.some(
            (tool) =>
              union(town.server, town.tools[tool] ?? noLabels).includes('private') &&
              union(town.server, town.tools[tool] ?? noLabels).includes('public-sink'),
          );
        const destroys = touched.has('untrusted') && labels.includes('destructive');
        let permit: Permit | null = null;
        try {
          permit = authorize(policies, standing, inbound, {
            server: `s${at}`,
            address: '127.0.0.1',
            grant,
            passports: null,
            time: now,
            labels: flow.labelsAt(`s${at}`),
            touched: recalled,
          });
        } catch (error) {
          refused += 1;
          assert.match(toFault(error).code, /^(call_unapproved|denied)$/);
          assert.ok(leaks || destroys, `refused without a reason: ${toFault(error).message}`);
          continue;
        }
        permitted += 1;
        assert.ok(!destroys, 'destruction passed');
        // Two calls of one batch were written before either was answered: nothing went from one to the other.
        assert.ok(!leaks || split, 'private data passed');
        const trace = CallTrace.of(permit, 'e', { clock, flow });
        assert.equal(trace?.begin(), undefined);
        if (step.kind === 'call' || step.kind === 'batch') model.use(families, person, labels, now);
        clock.advance(1);
      }
    }),
    { numRuns: 3_000 },
  );
  assert.ok(permitted > 5_000 && refused > 2_000, `${permitted} passed, ${refused} did not`);
});

const noToken = { person: null, client: null, scopes: [], binding: 'mtls', acr: null, actors: [] };

function bodyOf(kind: 'call' | 'batch' | 'answer' | 'list', tools: readonly number[]): Inbound | null {
  const called = tools.map((tool) => `t${tool}`);
  switch (kind) {
    case 'call':
      return callsOf(called[0] ?? '');
    case 'batch':
      return callsOf(...called);
    case 'answer':
      return response();
    default:
      return null;
  }
}

function labelsFor(
  kind: 'call' | 'batch' | 'answer' | 'list',
  { server, tools }: Town,
  which: readonly number[],
): Labels {
  const used = kind === 'call' ? which.slice(0, 1) : which;
  if (kind === 'list') return noLabels;
  if (kind === 'answer') return server;
  return used.reduce<Labels>((sum, tool) => union(sum, union(server, tools[tool] ?? noLabels)), noLabels);
}
