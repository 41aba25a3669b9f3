/** A Cedar value. A Long is a number where a double holds it exactly and a bigint beyond, so equal ones are `===`. */
export type Value =
  | boolean
  | number
  | bigint
  | string
  | EntityValue
  | SetValue
  | RecordValue
  | ExtensionValue;

/** What evaluation comes to when it comes to no value: it failed, or it depends on something that is not known yet. */
export type Halt = Failure | typeof open;
export type Outcome = Value | Halt;

/** Why Cedar would not evaluate an expression, in Cedar's words but for values: they may be a caller's. */
export interface Failure {
  readonly kind: 'failure';
  readonly message: string;
}

/** Stands for what a later question brings, such as the arguments of the call. */
export const open = Object.freeze({ kind: 'open' });

export interface EntityValue {
  readonly kind: 'entity';
  readonly type: string;
  readonly id: string;
  /** As `keyOf` gives it. */
  readonly key: string;
}

/** A value of an extension type: a number of ten-thousandths or of milliseconds, or a range of addresses. */
export interface ExtensionValue {
  readonly kind: 'extension';
  readonly type: 'decimal' | 'datetime' | 'duration' | 'ipaddr';
  readonly amount: bigint;
  readonly range: AddressRange | null;
  readonly key: string;
}

export interface AddressRange {
  /** Bits of an address: 32 or 128. */
  readonly bits: number;
  readonly address: bigint;
  readonly prefix: number;
}

export function isHalt(outcome: Outcome): outcome is Halt {
  return typeof outcome === 'object' && (outcome.kind === 'failure' || outcome.kind === 'open');
}

export function failure(message: string): Failure {
  return { kind: 'failure', message };
}

export function entity(type: string, id: string): EntityValue {
  return { kind: 'entity', type, id, key: `@${type}::${JSON.stringify(id)}` };
}

/** A set; what occurs twice is in it once. */
export class SetValue {
  readonly kind = 'set';
  readonly items: readonly Value[];
  #keys: ReadonlySet<string> | null = null;

  constructor(items: readonly Value[]) {
    this.items = items;
  }

  get keys(): ReadonlySet<string> {
    this.#keys ??= new Set(this.items.map(keyOf));
    return this.#keys;
  }

  get key(): string {
    return `[${[...this.keys].sort().join()}]`;
  }
}

export class RecordValue {
  readonly kind = 'record';
  readonly members: ReadonlyMap<string, Value>;

  constructor(members: ReadonlyMap<string, Value>) {
    this.members = members;
  }

  get key(): string {
    const members = [...this.members].map(([name, value]) => `${JSON.stringify(name)}:${keyOf(value)}`);
    return `{${members.sort().join()}}`;
  }
}

/** Text that two values share exactly when Cedar takes them for equal. */
export function keyOf(value: Value): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'object':
      return value.key;
    default:
      return String(value);
  }
}

/** Cedar's `==`: values of unlike kinds are unequal, which is no failure. */
export function equal(left: Value, right: Value): boolean {
  if (left === right) return true;
  return typeof left === 'object' && typeof right === 'object' && left.key === right.key;
}

/** What Cedar calls the kind of a value. */
export function kindOf(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    case 'object':
      if (value.kind === 'entity') return `(entity of type \`${value.type}\`)`;
      return value.kind === 'extension' ? value.type : value.kind;
    default:
      return 'long';
  }
}

/** The failure of an operator that wants another kind of value. */
export function unlike(expected: string, found: Value): Failure {
  return failure(`type error: expected ${expected}, got ${kindOf(found)}`);
}
