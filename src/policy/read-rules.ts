import { checkParsePolicySet, type DetailedError, policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import { Fault } from '../kernel/fault.ts';
import type { Rule } from './rule.ts';
import { placeOf, readTokens } from './tokens.ts';

export interface PolicyText {
  readonly name: string;
  readonly text: string;
}

/** The policies of a file. A file of comments has none. Throws Fault `policy_invalid` that says where and what. */
export function readRules(file: PolicyText): readonly Rule[] {
  refuseHiddenOrder(file);
  const answer = checkParsePolicySet({ staticPolicies: file.text });
  if (answer.type === 'failure') throw parseFault(file, answer.errors);
  return statements(file.text).map((span, at) => {
    const text = file.text.slice(span.start, span.end);
    const parsed = policyToJson(text);
    if (parsed.type === 'failure') throw parseFault({ ...file, text }, parsed.errors);
    const named = parsed.json.annotations?.['id'];
    const place = placeOf(file.text, span.start);
    if (named !== undefined && !/^[^\p{Cc}\p{Cf}]{1,200}$/u.test(named)) {
      throw policyFault(file.name, place, 'an @id must be 1 to 200 visible characters');
    }
    return {
      id: named ?? `${file.name}#${at + 1}`,
      effect: parsed.json.effect,
      text,
      file: file.name,
      ...place,
      json: parsed.json,
    };
  });
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
function statements(text: string): readonly { readonly start: number; readonly end: number }[] {
  const spans: { start: number; end: number }[] = [];
  let start: number | null = null;
  for (const token of readTokens(text)) {
    start ??= token.start;
    if (token.kind !== 'sign' || token.value !== ';') continue;
    spans.push({ start, end: token.end });
    start = null;
  }
  return spans;
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
