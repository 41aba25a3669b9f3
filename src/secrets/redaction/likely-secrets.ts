import type { Span } from './find-known.ts';
import { KeywordIndex } from './keyword-index.ts';
import { type Rule, structureRules } from './structure-rules.ts';
import { tokenRules } from './token-rules.ts';

/** What is likely to be a secret, though nobody handed it out. */
export interface Likely extends Span {
  /** Which rule says so. */
  readonly rule: string;
}

/** Octets that a rule is shown before and behind its word, where it does not ask for more. */
const before = 64;
const behind = 320;
/** A window goes on to the end of a word, or a long token would be cut in two, and at most so far. */
const farthest = 16 * 1024;

/**
 * Finds what looks like a secret by where it stands and how it is written. One pass looks for the words of all rules; a
 * rule is only tried around its own words, by an engine whose time is linear.
 */
export class LikelySecrets {
  private readonly rules: readonly Rule[] = [...structureRules, ...tokenRules()];
  private readonly index: KeywordIndex;
  /** For each word the rules that it belongs to. */
  private readonly rulesOf: readonly (readonly Rule[])[];

  constructor() {
    const words = [...new Set(this.rules.flatMap(({ words }) => words))];
    this.index = new KeywordIndex(words);
    this.rulesOf = words.map((word) => this.rules.filter((rule) => rule.words.includes(word)));
  }

  /** In order, none over another. */
  find(octets: Uint8Array): readonly Likely[] {
    const text = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
    const found: Likely[] = [];
    /** Up to where each rule has looked. */
    const seen = new Map<Rule, number>();
    this.index.scan(octets, (word, end) => {
      for (const rule of this.rulesOf[word] ?? []) {
        if (end <= (seen.get(rule) ?? 0)) continue;
        const start = Math.max(0, end - before);
        const stop = endOfWord(octets, Math.min(octets.length, end + (rule.behind ?? behind)));
        seen.set(rule, rule.everyWord ? end : stop - 64);
        if (rule.wantsToken && !hasToken(octets, Math.max(start, end - 16), stop)) continue;
        const window = text.toString('latin1', start, stop);
        for (const span of rule.find(window, end - start)) {
          if (span.end > span.start)
            found.push({ start: start + span.start, end: start + span.end, rule: rule.id });
        }
      }
    });
    return apart(found);
  }
}

/** Whether there is a word that could be a token: ten characters with a digit among them, or twenty. */
function hasToken(octets: Uint8Array, from: number, to: number): boolean {
  let length = 0;
  let digits = 0;
  for (let at = from; at < to; at++) {
    const kind = tokenKind[octets[at] as number] as number;
    if (kind === 0) {
      length = 0;
      digits = 0;
      continue;
    }
    length += 1;
    digits += kind - 1;
    if (length >= 20 || (length >= 10 && digits > 0)) return true;
  }
  return false;
}

/** 2 for a digit, 1 for what else a token may be written with. */
const tokenKind = Uint8Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (/[0-9]/.test(character)) return 2;
  return /[A-Za-z_+/=.~:-]/.test(character) ? 1 : 0;
});

function endOfWord(octets: Uint8Array, from: number): number {
  let at = from;
  const most = Math.min(octets.length, from + farthest);
  while (at < most && !isGap(octets[at] as number)) at++;
  return at;
}

function isGap(octet: number): boolean {
  return octet <= 0x20 || octet === 0x22 || octet === 0x27 || octet === 0x60;
}

function apart(found: readonly Likely[]): readonly Likely[] {
  const kept: Likely[] = [];
  for (const one of [...found].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = kept.at(-1);
    if (!last || one.start >= last.end) kept.push(one);
    else if (one.end > last.end) kept[kept.length - 1] = { ...last, end: one.end };
  }
  return kept;
}

/** Ready when it is first asked: its table takes some 50 ms to make. */
export function lazyLikelySecrets(): Pick<LikelySecrets, 'find'> {
  let made: LikelySecrets | null = null;
  return { find: (octets) => (made ??= new LikelySecrets()).find(octets) };
}
