import type { ExtensionFunction } from './extension-function.ts';
import { isLong64, long } from './long.ts';
import { type ExtensionValue, failure, type Outcome, unlike, type Value } from './value.ts';

const day = 86_400_000n;
const units = { d: day, h: 3_600_000n, m: 60_000n, s: 1_000n, ms: 1n } as const;

/** The functions of Cedar's `datetime` and `duration` types, whose amounts count milliseconds. */
export const timeFunctions: Readonly<Record<string, ExtensionFunction>> = {
  datetime: reading(readDatetime, 'datetime'),
  duration: reading(readDuration, 'duration'),
  offset: {
    arity: 2,
    apply: ([start, length]) => {
      if (!isOf(start, 'datetime')) return unlike('datetime', start);
      if (!isOf(length, 'duration')) return unlike('duration', length);
      return amountOf(start.amount + length.amount, 'datetime');
    },
  },
  durationSince: {
    arity: 2,
    apply: ([end, start]) => {
      if (!isOf(end, 'datetime')) return unlike('datetime', end);
      if (!isOf(start, 'datetime')) return unlike('datetime', start);
      return amountOf(end.amount - start.amount, 'duration');
    },
  },
  toDate: on('datetime', (time) => amountOf(time - floorModulo(time, day), 'datetime')),
  toTime: on('datetime', (time) => amountOf(floorModulo(time, day), 'duration')),
  toMilliseconds: on('duration', (length) => long(length)),
  toSeconds: on('duration', (length) => long(length / units.s)),
  toMinutes: on('duration', (length) => long(length / units.m)),
  toHours: on('duration', (length) => long(length / units.h)),
  toDays: on('duration', (length) => long(length / units.d)),
};

type TimeType = 'datetime' | 'duration';

function reading(read: (text: string) => bigint | null, type: TimeType): ExtensionFunction {
  return {
    arity: 1,
    apply: ([text]) => {
      if (typeof text !== 'string') return unlike('string', text);
      const amount = read(text);
      return amount === null ? broken(type) : amountOf(amount, type);
    },
  };
}

function on(type: TimeType, apply: (amount: bigint) => Outcome): ExtensionFunction {
  return {
    arity: 1,
    apply: ([value]) => (isOf(value, type) ? apply(value.amount) : unlike(type, value)),
  };
}

function isOf(value: Value, type: TimeType): value is ExtensionValue {
  return typeof value === 'object' && value.kind === 'extension' && value.type === type;
}

function amountOf(amount: bigint, type: TimeType): Outcome {
  if (!isLong64(amount)) return broken(type);
  return { kind: 'extension', type, amount, range: null, key: `${type}(${amount})` };
}

function broken(type: TimeType): Outcome {
  return failure(`error while evaluating \`${type}\` extension function`);
}

function floorModulo(amount: bigint, by: bigint): bigint {
  return ((amount % by) + by) % by;
}

/** `1d2h3m4s5ms`, in this order, each part once or not at all. */
function readDuration(text: string): bigint | null {
  const parts = /^(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (!parts || text === '' || text === '-') return null;
  const sign = parts[1] === '-' ? -1n : 1n;
  let sum = 0n;
  // Cedar adds from the smallest unit on and gives up where a part or a sum leaves 64 bits.
  for (const [unit, at] of [
    ['ms', 6],
    ['s', 5],
    ['m', 4],
    ['h', 3],
    ['d', 2],
  ] as const) {
    const part = BigInt(parts[at] ?? 0) * units[unit];
    sum += sign * part;
    const isLowest = unit === 'ms' && sign < 0n;
    if (!isLong64(sum) || (!isLowest && !isLong64(part))) return null;
  }
  return sum;
}

const datetimePattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{3}))?(?:Z|([+-])(\d{2})(\d{2})))?$/;

/** `2026-11-25`, with `T22:05:00` and a zone behind it or not. */
function readDatetime(text: string): bigint | null {
  const parts = datetimePattern.exec(text);
  if (!parts) return null;
  const [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0, milli = 0] = parts
    .slice(1, 8)
    .map((part) => Number(part ?? 0));
  const [zoneHour, zoneMinute] = [Number(parts[9] ?? 0), Number(parts[10] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return null;
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, date);
  if (time.getUTCMonth() !== month - 1 || time.getUTCDate() !== date) return null;
  time.setUTCHours(hour, minute, second, milli);
  const zone = (zoneHour * 60 + zoneMinute) * 60_000 * (parts[8] === '-' ? -1 : 1);
  return BigInt(time.getTime() - zone);
}
