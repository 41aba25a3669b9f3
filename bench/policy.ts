import { compilePolicies, type PolicySet } from '../src/policy/compile-policies.ts';
import type { Question } from '../src/policy/question.ts';

/**
 * Microseconds per policy decision: remembered, evaluated with arguments, evaluated among many policies, and the
 * question that a list asks. Absolute numbers depend on the machine. `node bench/policy.ts [decisions]`.
 */
const [decisions = 20_000] = process.argv.slice(2).map(Number);

const few = compilePolicies([{ name: 'few.cedar', text: readme() }]);
const many = compilePolicies([
  { name: 'few.cedar', text: readme() },
  {
    name: 'many.cedar',
    text: Array.from(
      { length: 200 },
      (_, at) =>
        `permit (principal in Role::"r${at}", action == Action::"tools/call", resource == Tool::"s/t${at}") when { context.arguments has path && context.arguments.path like "/x/*" };`,
    ).join('\n'),
  },
]);

report('tools/list, no arguments read: remembered', few, () => question('tools/list', { kind: 'server' }));
report('tools/list, a new agent each time: evaluated', few, (at) => ({
  ...question('tools/list', { kind: 'server' }),
  agent: { name: `agent-${at}`, owner: 'o', roles: ['guest'] },
}));
report('tools/call, 3 policies on arguments', few, () => call({ path: '/srv/public/a.txt' }));
report('tools/call, 3 policies, 10 KiB of arguments', few, () =>
  call({ path: '/srv/public/a.txt', text: 'x'.repeat(10_240) }),
);
report('tools/call, 203 policies on arguments', many, () => call({ path: '/srv/public/a.txt' }));
list('an item of a list, remembered', many, () => call(null));
list('an item of a list, evaluated in part, 203 policies', many, (at) => call(null, `tool-${at}`), 500);

function readme(): string {
  return [
    'permit (principal in Role::"guest", action in Action::"read", resource);',
    'permit (principal in Role::"guest", action == Action::"tools/call", resource == Tool::"files/read") when { context.arguments has path && context.arguments.path like "/srv/public/*" };',
    'forbid (principal, action == Action::"tools/call", resource) when { context.arguments has path && context.arguments.path like "*..*" };',
  ].join('\n');
}

function question(
  action: string,
  target: Question['target'],
  args: Question['context']['arguments'] = {},
): Question {
  return {
    agent: { name: 'ci-bot', owner: 'team-a', roles: ['guest'] },
    action,
    server: 'files',
    target,
    context: {
      arguments: args,
      time: 1_800_000_000_000,
      address: '10.1.2.3',
      profile: 'agent',
      binding: 'certificate',
    },
  };
}

function call(args: Question['context']['arguments'], name = 'read'): Question {
  return question('tools/call', { kind: 'tool', name }, args);
}

function report(what: string, set: PolicySet, ask: (at: number) => Question): void {
  print(what, (at) => set.decide(ask(at)).outcome === 'permit', decisions);
}

function list(what: string, set: PolicySet, ask: (at: number) => Question, count = decisions): void {
  print(what, (at) => set.couldPermit(ask(at)), count);
}

function print(what: string, run: (at: number) => boolean, count: number): void {
  for (let at = 0; at < count / 4; at++) run(-at);
  const start = performance.now();
  let permitted = 0;
  for (let at = 0; at < count; at++) if (run(at)) permitted++;
  const microseconds = ((performance.now() - start) * 1_000) / count;
  process.stdout.write(
    `${what.padEnd(56)} ${microseconds.toFixed(1).padStart(8)} µs  (${permitted}/${count})\n`,
  );
}
