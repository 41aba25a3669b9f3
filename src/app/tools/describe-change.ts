import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';

/** Lines that are told of one change at the most. */
const mostLines = 200;
const longestShown = 160;

/**
 * What became of a definition, in words: each member that is new, gone or another, by its path, and of long texts the part that
 * changed. Characters that nobody can see are spelt out.
 */
export function describeChange(before: JsonObject, after: JsonObject): readonly string[] {
  const lines: string[] = [];
  compare('', before, after, lines);
  if (lines.length <= mostLines) return lines;
  return [...lines.slice(0, mostLines), `and ${lines.length - mostLines} more`];
}

function compare(path: string, before: Json, after: Json, lines: string[]): void {
  if (isJsonObject(before) && isJsonObject(after)) return compareMembers(path, before, after, lines);
  if (isJsonArray(before) && isJsonArray(after)) return compareItems(path, before, after, lines);
  if (before === after) return;
  if (typeof before === 'string' && typeof after === 'string')
    return void lines.push(textChange(path, before, after));
  lines.push(`${path} was ${shown(before)} and is ${shown(after)}`);
}

function compareMembers(path: string, before: JsonObject, after: JsonObject, lines: string[]): void {
  for (const name of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
    const place = path === '' ? spelt(name) : `${path}.${spelt(name)}`;
    const [was, is] = [own(before, name), own(after, name)];
    if (was === undefined && is !== undefined) lines.push(`${place} is new: ${shown(is)}`);
    else if (was !== undefined && is === undefined) lines.push(`${place} is gone; it was ${shown(was)}`);
    else if (was !== undefined && is !== undefined) compare(place, was, is, lines);
  }
}

/** Of lists of plain values what came and went; of others item by item. */
function compareItems(path: string, before: readonly Json[], after: readonly Json[], lines: string[]): void {
  const plain = [...before, ...after].every((item) => typeof item !== 'object' || item === null);
  if (!plain) {
    for (let at = 0; at < Math.max(before.length, after.length); at += 1) {
      const [was, is] = [before[at], after[at]];
      if (was === undefined && is !== undefined) lines.push(`${path}[${at}] is new: ${shown(is)}`);
      else if (was !== undefined && is === undefined)
        lines.push(`${path}[${at}] is gone; it was ${shown(was)}`);
      else if (was !== undefined && is !== undefined) compare(`${path}[${at}]`, was, is, lines);
    }
    return;
  }
  const came = after.filter((item) => !before.includes(item));
  const went = before.filter((item) => !after.includes(item));
  if (came.length > 0) lines.push(`${path} now has ${came.map(shown).join(', ')}`);
  if (went.length > 0) lines.push(`${path} no longer has ${went.map(shown).join(', ')}`);
  if (came.length + went.length === 0 && JSON.stringify(before) !== JSON.stringify(after)) {
    lines.push(`${path} has the same in another order or number: ${shown(after)}`);
  }
}

/** The part of a text that changed, with what stands before it. */
function textChange(path: string, before: string, after: string): string {
  if (before.length + after.length <= longestShown)
    return `${path} was ${shown(before)} and is ${shown(after)}`;
  let start = 0;
  while (start < before.length && before[start] === after[start]) start += 1;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const context =
    start === 0 ? 'at its beginning' : `after ${shown(before.slice(Math.max(0, start - 40), start))}`;
  const was = before.slice(start, before.length - end);
  const is = after.slice(start, after.length - end);
  if (was === '') return `${path} has more text ${context}: ${shown(is)}`;
  if (is === '') return `${path} has less text ${context}: ${shown(was)} is gone`;
  return `${path} is another text ${context}: was ${shown(was)} and is ${shown(is)}`;
}

function shown(value: Json): string {
  const text = spelt(JSON.stringify(value));
  return text.length <= longestShown * 4
    ? text
    : `${text.slice(0, longestShown * 4)}… (${text.length} characters)`;
}

/** Everything but letters, marks, numbers, punctuation, symbols and the plain space as its code point. */
function spelt(text: string): string {
  return text.replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|\p{Default_Ignorable_Code_Point}/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

function own(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
