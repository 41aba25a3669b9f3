import {
  checkParsePolicySet,
  type DetailedError,
  type PolicyJson,
  policyToJson,
} from '@cedar-policy/cedar-wasm/nodejs';
import { Fault } from '../kernel/fault.ts';
import { askOf } from './ask-of.ts';
import type { Rule } from './rule.ts';
import { placeFinder, placeOf, readTokens, tokensOf } from './tokens.ts';

export interface PolicyText {
  readonly name: string;
  readonly text: string;
}

/** The policies of a file. A file of comments has none. Throws Fault `policy_invalid` that says where and what. */
export function readRules(file: PolicyText): readonly Rule[] {
  return [...rulesOf(file, new Map())];
}

/**
 * The policies of a file, one after the other. `known` are rules that were read before, by their text: reading the same
 * text again is spared. Throws Fault `policy_invalid` that says where and what.
 */
export function* rulesOf(file: PolicyText, known: ReadonlyMap<string, Rule>): Generator<Rule, void> {
  refuseHiddenOrder(file);
  const placeAt = placeFinder(file.text);
  let end = 0;
  let number = 0;
  for (const span of statements(file.text)) {
    checkBetween(file, end, span.start);
    end = span.end;
    number += 1;
    const text = file.text.slice(span.start, span.end);
    const json = known.get(text)?.json ?? parsed(file, text);
    const place = placeAt(span.start);
    const named = json.annotations?.['id'];
    if (named !== undefined && !/^[^\p{Cc}\p{Cf}]{1,200}$/u.test(named)) {
      throw policyFault(file.name, place, 'an @id must be 1 to 200 visible characters');
    }
    const id = named ?? `${file.name}#${number}`;
    yield { id, effect: json.effect, ask: askOf(json), text, file: file.name, ...place, json };
  }
  checkBetween(file, end, file.text.length);
}

function parsed(file: PolicyText, text: string): PolicyJson {
  const answer = policyToJson(text);
  if (answer.type === 'success') return answer.json;
  throw wholeFault(file, answer.errors);
}

/** Cedar reads every character of a file: what stands between statements must be nothing to it as well. */
function checkBetween(file: PolicyText, start: number, end: number): void {
  const between = file.text.slice(start, end);
  if (/^[ \t\r\n]*$/.test(between)) return;
  const answer = checkParsePolicySet({ staticPolicies: between });
  if (answer.type === 'failure') throw wholeFault(file, answer.errors);
}

/** What Cedar says about the file as a whole, whose places are those that a person sees. */
function wholeFault(file: PolicyText, errors: readonly DetailedError[]): Fault {
  const answer = checkParsePolicySet({ staticPolicies: file.text });
  return parseFault(file, answer.type === 'failure' ? answer.errors : errors);
}

/** The one form of a fault in a policy: `file:line:column: what`. */
export function policyFault(
  file: string,
  place: { readonly line: number; readonly column: number },
  what: string,
): Fault {
  const sentence = /[.?!]$/.test(what) ? what : `${what}.`;
  return new Fault('policy_invalid', `${file}:${place.line}:${place.column}: ${sentence}`);
}

/** What Cedar says about an error, without the phrases that repeat what we say ourselves. */
export function cedarText(error: DetailedError): string {
  const message = error.message
    .replace(/^failed to parse polic(?:y|ies)[^:]*: /, '')
    .replaceAll(/for policy `[^`]*`, /g, '')
    .replaceAll(/ JSON /g, ' ');
  const label = error.sourceLocations?.[0]?.label;
  const help = error.help?.replaceAll(/for policy `[^`]*`, /g, '') ?? '';
  const hints = [...(label === null || label === undefined ? [] : [label]), ...(help === '' ? [] : [help])];
  return [message, ...hints].join('; ');
}

/** Cedar counts octets of UTF-8, we count UTF-16 units. */
export function utf16Index(text: string, octet: number): number {
  return Buffer.from(text).subarray(0, octet).toString().length;
}

function parseFault(file: PolicyText, errors: readonly DetailedError[]): Fault {
  const [error] = errors;
  if (!error) return policyFault(file.name, { line: 1, column: 1 }, 'the text is not a policy');
  const octet = error.sourceLocations?.[0]?.start;
  const slot = /static policy set includes a template/.test(error.message)
    ? readTokens(file.text).find(
        (token, at, all) => token.value === '?' && /^(principal|resource)$/.test(all[at + 1]?.value ?? ''),
      )
    : undefined;
  if (slot) {
    const place = placeOf(file.text, slot.start);
    return policyFault(
      file.name,
      place,
      'templates (?principal, ?resource) are not used here: name the entity',
    );
  }
  return policyFault(file.name, placeOf(file.text, utf16Index(file.text, octet ?? 0)), cedarText(error));
}

/** Every statement from its first token to its semicolon; semicolons stand nowhere else outside strings. */
function* statements(text: string): Generator<{ readonly start: number; readonly end: number }, void> {
  let start: number | null = null;
  for (const token of tokensOf(text)) {
    start ??= token.start;
    if (token.kind !== 'sign' || token.value !== ';') continue;
    yield { start, end: token.end };
    start = null;
  }
}

/** Text that shows in another order than it is read could hide a rule from its reviewer (CVE-2021-42574). */
function refuseHiddenOrder(file: PolicyText): void {
  const found = /[\u202a-\u202e\u2066-\u2069]/.exec(file.text);
  if (!found) return;
  throw policyFault(
    file.name,
    placeOf(file.text, found.index),
    'an invisible character that turns the direction of text. Write it as an escape, such as \\u{202e}, if it is meant',
  );
}
