import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type {
  FlowMemory,
  FlowParty,
  Forgetting,
  Memorable,
  Recalled,
  RememberedLabel,
  Use,
} from './flow-memory.ts';
import { type Labels, labelList, noLabels } from './flow-rules.ts';

/** How much may be remembered. */
export interface FlowBounds {
  /** Agents, each with those below it. */
  readonly families: number;
  /** People of one agent that are kept apart; the uses for any further one count for all of them. */
  readonly people: number;
}

export const defaultFlowBounds: FlowBounds = { families: 8_192, people: 256 };

/** A memory that answers at once. */
export interface MemoryFlow extends FlowMemory {
  recall(party: FlowParty, how: Memorable & { readonly working: boolean }): Recalled;
  remember(party: FlowParty, labels: Labels, use: Use): void;
  forget(order: Forgetting): void;
  list(how: Memorable): readonly RememberedLabel[];
  /** The number of tasks that are remembered. */
  readonly size: number;
}

/** What one family has used for one person, or without saying for whom. */
interface Task {
  readonly labels: Map<string, { since: number; last: Use }>;
  /** When its agent was last at work, epoch milliseconds. */
  workedAt: number;
}

interface Family {
  /** What was used without a person, or for more people than are kept apart. */
  readonly shared: Task;
  readonly people: Map<string, Task>;
}

/**
 * Remembers in this process. What there is no room for is refused, not forgotten: a memory that forgets under load would
 * let whoever makes the load start anew.
 */
export function memoryFlow(clock: Clock, bounds: FlowBounds = defaultFlowBounds): MemoryFlow {
  const families = new Map<string, Family>();
  // Steps of the wall clock must not end a task.
  const origin = clock.now() - clock.monotonic();
  const time = (): number => origin + clock.monotonic();
  let memorable: Memorable = { quiet: Infinity, longest: Infinity };

  const familyOf = (name: string): Family => {
    const known = families.get(name);
    if (known) return known;
    if (families.size >= bounds.families) sweep(families, time(), memorable);
    if (families.size >= bounds.families) throw full();
    const made: Family = { shared: newTask(time()), people: new Map() };
    families.set(name, made);
    return made;
  };
  const taskOf = (family: Family, person: string | null): Task => {
    if (person === null) return family.shared;
    const known = family.people.get(person);
    if (known) return known;
    if (family.people.size >= bounds.people) {
      for (const [each, task] of family.people)
        if (isOver(task, time(), memorable)) family.people.delete(each);
    }
    if (family.people.size >= bounds.people) return family.shared;
    const made = newTask(time());
    family.people.set(person, made);
    return made;
  };

  return {
    get size() {
      return [...families.values()].reduce((sum, { people }) => sum + 1 + people.size, 0);
    },
    recall(party, how) {
      memorable = how;
      const now = time();
      const found: Task[] = [];
      for (const name of party.families) {
        const family = families.get(name);
        if (!family) continue;
        for (const task of tasksFor(family, party.person)) {
          expire(task, now, how);
          if (task.labels.size === 0) continue;
          if (how.working) task.workedAt = now;
          found.push(task);
        }
      }
      return found.length === 0 ? nothingRecalled : recalled(found);
    },
    remember(party, labels, use) {
      if (labels.length === 0) return;
      // All or none: a family that finds no room must not leave the others with half of it.
      const tasks = party.families.map((name) => taskOf(familyOf(name), party.person));
      for (const task of tasks) {
        task.workedAt = Math.max(task.workedAt, time());
        for (const label of labels) {
          const known = task.labels.get(label);
          if (!known) task.labels.set(label, { since: use.at, last: use });
          else if (use.at >= known.last.at) known.last = use;
        }
      }
    },
    forget({ family: name, person, until }) {
      const family = families.get(name);
      if (!family) return;
      for (const task of person === null
        ? [family.shared, ...family.people.values()]
        : tasksFor(family, person)) {
        for (const [label, { last }] of task.labels) if (last.at <= until) task.labels.delete(label);
      }
      if (isEmpty(family)) families.delete(name);
    },
    list(how) {
      const now = time();
      const rows: RememberedLabel[] = [];
      for (const [family, { shared, people }] of families) {
        for (const [person, task] of [[null, shared] as const, ...people]) {
          expire(task, now, how);
          for (const [label, { since, last }] of task.labels)
            rows.push({ family, person, label, since, ...last });
        }
      }
      return rows;
    },
  };
}

/** A use without a person may have been for anybody, and whoever says no person may act for any of them. */
function tasksFor({ shared, people }: Family, person: string | null): readonly Task[] {
  if (person === null) return people.size === 0 ? [shared] : [shared, ...people.values()];
  const own = people.get(person);
  return own ? [shared, own] : [shared];
}

function newTask(now: number): Task {
  return { labels: new Map(), workedAt: now };
}

function isOver({ labels, workedAt }: Task, now: number, { quiet }: Memorable): boolean {
  return labels.size === 0 || now - workedAt > quiet;
}

function expire(task: Task, now: number, how: Memorable): void {
  if (task.labels.size === 0) return;
  if (isOver(task, now, how)) task.labels.clear();
  else if (how.longest !== Infinity) {
    for (const [label, { last }] of task.labels) if (now - last.at > how.longest) task.labels.delete(label);
  }
}

function sweep(families: Map<string, Family>, now: number, how: Memorable): void {
  for (const [name, family] of families) {
    expire(family.shared, now, how);
    for (const [person, task] of family.people) {
      expire(task, now, how);
      if (task.labels.size === 0) family.people.delete(person);
    }
    if (isEmpty(family)) families.delete(name);
  }
}

function isEmpty({ shared, people }: Family): boolean {
  return shared.labels.size === 0 && [...people.values()].every(({ labels }) => labels.size === 0);
}

/** Of whoever has used nothing. */
export const nothingRecalled: Recalled = Object.freeze({ labels: noLabels, use: () => null });

function recalled(tasks: readonly Task[]): Recalled {
  const labels = labelList(tasks.flatMap((task) => [...task.labels.keys()]));
  return {
    labels,
    use(label) {
      const uses = tasks.map((task) => task.labels.get(label)?.last).filter((use) => use !== undefined);
      return uses.reduce<Use | null>((last, use) => (last && last.at >= use.at ? last : use), null);
    },
  };
}

function full(): Fault {
  const detail =
    'What this call touches cannot be remembered: the memory of flows is full, so the call is refused.';
  return new Fault('unavailable', detail, { retryAfterMilliseconds: 60_000 });
}
