import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Fault } from '../../kernel/fault.ts';
import type { Command, CommandInput, Flag, Positional } from './command.ts';
import { parseCommandLine } from './parse-command-line.ts';

const commands = [
  row(['agent', 'add'], {
    flags: [
      { name: 'owner', kind: 'text', meaning: 'who answers for it', required: true },
      { name: 'role', kind: 'list', meaning: 'a role' },
      { name: 'life', kind: 'duration', meaning: 'how long', default: '1h' },
      { name: 'count', kind: 'integer', meaning: 'how many' },
      { name: 'state', kind: 'text', meaning: 'its state', choices: ['active', 'suspended'] },
      { name: 'force', kind: 'switch', meaning: 'do it anyway' },
    ],
    positionals: [{ name: 'name', meaning: 'its name', count: 'one' }],
  }),
  row(['agent', 'list'], {}),
  row(['server', 'add'], { positionals: [one('name'), { ...one('argv'), count: 'some' }] }),
  row(['up'], {}),
  row(['up', 'fast'], {}),
  row(['show'], { positionals: [{ ...one('what'), count: 'optional' }] }),
];

test('U9 reads every kind of flag, written with a space or an equals sign', () => {
  const input = read('agent add --owner=alice ci-bot --role a --role b --count -3 --force --life 15m');
  assert.equal(input.must('owner'), 'alice');
  assert.equal(input.word('name'), 'ci-bot');
  assert.deepEqual(input.list('role'), ['a', 'b']);
  assert.equal(input.integer('count'), -3);
  assert.equal(input.duration('life'), 900_000);
  assert.equal(input.on('force'), true);
  assert.equal(input.text('state'), null);
  assert.deepEqual(input.given['role'], 'a,b');
});

test('U9 gives defaults for what was left out', () => {
  const input = read('agent add --owner alice ci-bot');
  assert.equal(input.duration('life'), 3_600_000);
  assert.deepEqual(input.list('role'), []);
  assert.equal(input.integer('count'), null);
  assert.equal(input.on('force'), false);
  assert.equal('life' in input.given, false);
});

test('U9 takes the longest command that matches', () => {
  assert.deepEqual(command('up'), ['up']);
  assert.deepEqual(command('up fast'), ['up', 'fast']);
});

test('U9 reads nothing after -- as a flag', () => {
  const input = read('server add files -- npx --json server -y --help');
  assert.deepEqual(input.words('argv'), ['npx', '--json', 'server', '-y', '--help']);
  assert.equal(parseCommandLine(words('server add files -- npx --json'), commands).json, false);
});

test('U9 takes --json and --help anywhere before --', () => {
  for (const line of ['--json agent list', 'agent --json list', 'agent list --json']) {
    const parsed = parseCommandLine(words(line), commands);
    assert.deepEqual([parsed.kind, parsed.json], ['run', true], line);
  }
  for (const line of ['agent add --help', 'agent add -h', 'help agent add', '--help agent add']) {
    assert.equal(parseCommandLine(words(line), commands).kind, 'help', line);
  }
  for (const line of ['', '--help', 'help', 'agent --help', 'help agent']) {
    assert.equal(parseCommandLine(words(line), commands).kind, 'overview', line);
  }
});

const refused: Readonly<Record<string, RegExp>> = {
  agnet: /agent/,
  'agent ad': /agent add/,
  agent: /add, list/,
  xyzzy: /agent, server, up, show/,
  '--owner agent': /before any command/,
  'agent add --ownr alice ci-bot': /--owner/,
  'agent list --josn': /--json/,
  'agent add -x ci-bot': /-x/,
  'agent add ci-bot': /--owner is required/,
  'agent add --owner': /--owner needs a value/,
  'agent add --owner --force ci-bot': /--owner needs a value/,
  'agent add --owner a --owner b ci-bot': /given twice/,
  'agent add --owner a': /<name>/,
  'agent add --owner a one two': /"two"/,
  'agent add --owner a --force=yes x': /takes no value/,
  'agent add --owner a --count 1.5 x': /whole number/,
  'agent add --owner a --count 99999999999999999999 x': /whole number/,
  'agent add --owner a --life 1w x': /90s, 15m/,
  'agent add --owner a --life= x': /90s, 15m/,
  'agent add --owner a --state retired x': /active, suspended/,
  'server add files': /<argv>/,
};

for (const [line, says] of Object.entries(refused)) {
  test(`U9 refuses "countersign ${line}" and says what would be right`, () => {
    assert.throws(
      () => parseCommandLine(words(line), commands),
      (error) => error instanceof Fault && error.code === 'usage' && says.test(error.message),
    );
  });
}

test('U9 any words are a command line or a usage fault, never another error', () => {
  const known = commands.flatMap(({ path, flags }) => [...path, ...flags.map(({ name }) => `--${name}`)]);
  const word = fc.oneof(
    fc.constantFrom(...known, '--', '-', '--json', '-h', 'help', '=', '--owner='),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (argv) => {
      try {
        parseCommandLine(argv, commands);
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === 'usage', String(error));
      }
    }),
  );
});

test('a command that asks for what its table does not declare is a mistake of ours', () => {
  const input = read('show');
  assert.throws(() => input.text('owner'), TypeError);
  assert.throws(() => input.words('name'), TypeError);
  assert.throws(() => input.word('what'), TypeError);
  assert.deepEqual(input.words('what'), []);
  assert.throws(() => read('agent add --owner a x').text('force'), TypeError);
});

function read(line: string): CommandInput {
  const parsed = parseCommandLine(words(line), commands);
  assert.equal(parsed.kind, 'run');
  return parsed.input;
}

function command(line: string): readonly string[] {
  const parsed = parseCommandLine(words(line), commands);
  assert.equal(parsed.kind, 'run');
  return parsed.command.path;
}

function words(line: string): string[] {
  return line === '' ? [] : line.split(' ');
}

function one(name: string): Positional {
  return { name, meaning: `the ${name}`, count: 'one' };
}

function row(
  path: readonly string[],
  parts: { readonly flags?: readonly Flag[]; readonly positionals?: readonly Positional[] },
): Command {
  return {
    path,
    summary: `Do ${path.join(' ')}`,
    example: `countersign ${path.join(' ')}`,
    flags: parts.flags ?? [],
    positionals: parts.positionals ?? [],
    run: () => Promise.resolve({ text: '', json: null }),
  };
}
