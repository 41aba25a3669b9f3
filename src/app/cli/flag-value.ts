import { assertNever } from '../../kernel/assert-never.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Flag } from './command.ts';

/** The typed value of a flag from the texts given for it; its default, or null, when there are none. */
export function flagValue(
  flag: Flag,
  given: readonly string[],
): string | number | boolean | readonly string[] | null {
  const texts = given.length === 0 && flag.default !== undefined ? [flag.default] : given;
  for (const text of texts) refuseOtherChoice(flag, text);
  const [text] = texts;
  if (flag.kind === 'list') {
    if (flag.required === true && texts.length === 0) throw missing(flag);
    return texts;
  }
  if (flag.kind === 'switch') return text === 'true';
  if (text === undefined) {
    if (flag.required === true) throw missing(flag);
    return null;
  }
  switch (flag.kind) {
    case 'text':
      return text;
    case 'integer':
      return readInteger(flag, text);
    case 'duration':
      return readDuration(text, `--${flag.name}`);
    default:
      return assertNever(flag.kind);
  }
}

const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of '90s', '15m', '8h' or '7d'. Throws Fault `usage` that names `what`. */
export function readDuration(text: string, what: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) {
    throw new Fault('usage', `${what} must be a length of time such as 90s, 15m, 8h or 7d, not "${text}".`);
  }
  return Number(count) * units[unit as keyof typeof units];
}

/** The minutes of a length of time. Throws Fault `usage` for what would have to be rounded. */
export function wholeMinutes(milliseconds: number, what: string): number {
  if (milliseconds > 0 && milliseconds % units.m === 0) return milliseconds / units.m;
  throw new Fault('usage', `${what} must be whole minutes, such as 5m or 8h.`);
}

function readInteger(flag: Flag, text: string): number {
  const value = Number(text);
  if (!/^-?\d{1,15}$/.test(text) || !Number.isSafeInteger(value)) {
    throw new Fault('usage', `--${flag.name} must be a whole number, not "${text}".`);
  }
  return value;
}

function refuseOtherChoice(flag: Flag, text: string): void {
  if (!flag.choices || flag.choices.includes(text)) return;
  throw new Fault('usage', `--${flag.name} must be one of ${flag.choices.join(', ')}, not "${text}".`);
}

function missing(flag: Flag): Fault {
  return new Fault('usage', `--${flag.name} is required: ${flag.meaning}.`);
}
