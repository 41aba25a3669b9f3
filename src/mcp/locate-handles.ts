import type { Json } from '../kernel/canonical-json.ts';

/** A text in a message of a server with which its client comes back later, and where it stands. */
export interface LocatedHandle {
  readonly kind: 'task' | 'state' | 'cursor';
  readonly value: string;
  /** The id of the task that a request state comes with; such a state goes back with requests about the task. */
  readonly task: string | null;
  /** Of its JSON text, quotes included. */
  readonly start: number;
  readonly end: number;
}

/** `told`: in a notification about tasks. `honoured`: in the acknowledgement of a subscription. `method` is no handle. */
type Leaf = 'task' | 'state' | 'cursor' | 'told-task' | 'told-state' | 'honoured-task' | 'method';
interface Branch {
  readonly [member: string]: Rule;
}
type Rule = Leaf | Branch;

const everyElement = '*';
const related: Branch = { 'io.modelcontextprotocol/related-task': { taskId: 'task' } };

/**
 * Where a message has handles (MCP 2026-07-28, MRTR and Pagination; SEP-2663; MCP 2025-11-25, Tasks). A server's own
 * requests about tasks name tasks of its client.
 */
const places: Branch = {
  method: 'method',
  result: {
    taskId: 'task',
    requestState: 'state',
    nextCursor: 'cursor',
    task: { taskId: 'task' },
    tasks: { [everyElement]: { taskId: 'task' } },
    _meta: related,
    // What a finished task of 2026-07-28 was for.
    result: { _meta: related },
  },
  params: {
    taskId: 'told-task',
    requestState: 'told-state',
    task: { taskId: 'told-task' },
    notifications: { taskIds: { [everyElement]: 'honoured-task' } },
    _meta: related,
    result: { _meta: related },
  },
};

const leaves: Readonly<
  Record<Exclude<Leaf, 'method'>, { kind: LocatedHandle['kind']; isIn: (method: string) => boolean }>
> = {
  task: { kind: 'task', isIn: () => true },
  state: { kind: 'state', isIn: () => true },
  cursor: { kind: 'cursor', isIn: () => true },
  'told-task': { kind: 'task', isIn: (method) => method.startsWith('notifications/tasks') },
  'told-state': { kind: 'state', isIn: (method) => method.startsWith('notifications/tasks') },
  'honoured-task': {
    kind: 'task',
    isIn: (method) => method === 'notifications/subscriptions/acknowledged',
  },
};

interface Found {
  readonly leaf: Leaf;
  readonly value: string;
  readonly start: number;
  readonly end: number;
  /** Whether it stands in `result` or `params` itself. */
  readonly direct: boolean;
}

/** An object or array that is open at a place of the text. */
interface Frame {
  readonly rule: Rule | undefined;
  readonly array: boolean;
  /** The member whose value comes next; null where a name does. */
  name: string | null;
}

/**
 * The handles of a message, or of a batch, in the order of its text. The text is JSON with octets for characters
 * (Latin-1), so that positions are those of the octets. Of what is no JSON nothing, or not everything, is found: what is
 * not found is not sealed, and opens for nobody.
 */
export function locateHandles(text: string): readonly LocatedHandle[] {
  const handles: LocatedHandle[] = [];
  const frames: Frame[] = [];
  let found: Found[] = [];
  for (let at = 0; at < text.length; at++) {
    const frame = frames.at(-1);
    switch (text[at]) {
      case '{':
      case '[':
        frames.push(opened(text[at] === '[', frames));
        break;
      case '}':
      case ']':
        frames.pop();
        if (frames.length > 1 || (frames.length === 1 && !frames[0]?.array)) break;
        handles.push(...concluded(found));
        found = [];
        break;
      case ',':
        if (frame && !frame.array) frame.name = null;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (end === null) return handles;
        if (frame && frame.name === null) frame.name = nameOf(text.slice(at + 1, end - 1));
        else if (frame) {
          const leaf = ruleBelow(frame);
          if (typeof leaf === 'string') {
            const value = valueOf(text.slice(at, end));
            found.push({
              leaf,
              value,
              start: at,
              end,
              direct: frames.length - Number(isBatch(frames)) === 2,
            });
          }
        }
        at = end - 1;
        break;
      }
      // Literals, colons and white space hold nothing.
      default:
        break;
    }
  }
  return handles;
}

function opened(array: boolean, frames: readonly Frame[]): Frame {
  const above = frames.at(-1);
  const isMessage = above === undefined || (frames.length === 1 && above.array);
  return { array, rule: isMessage ? places : ruleBelow(above), name: array ? everyElement : null };
}

function ruleBelow({ rule, name }: Frame): Rule | undefined {
  if (typeof rule !== 'object' || name === null || !Object.hasOwn(rule, name)) return undefined;
  return rule[name];
}

function isBatch(frames: readonly Frame[]): boolean {
  return frames[0]?.array === true;
}

/** The position after the closing quote, or null when there is none. */
function endOfString(text: string, start: number): number | null {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text[quote - 1 - escapes] === '\\') escapes += 1;
    if (escapes % 2 === 0) return quote + 1;
  }
  return null;
}

/** A name as it is spelt; some writers escape slashes. */
function nameOf(text: string): string {
  return text.replaceAll('\\/', '/');
}

/** What a JSON string in octets says; empty for what is none. */
function valueOf(text: string): string {
  try {
    const value = JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) as Json;
    return typeof value === 'string' ? value : '';
  } catch {
    return '';
  }
}

function concluded(found: readonly Found[]): readonly LocatedHandle[] {
  const method = found.findLast(({ leaf }) => leaf === 'method')?.value ?? '';
  const own = found.flatMap((one) => {
    if (one.leaf === 'method') return [];
    const { kind, isIn } = leaves[one.leaf];
    return isIn(method) ? [{ ...one, kind }] : [];
  });
  const task = own.find(({ kind, direct }) => kind === 'task' && direct)?.value ?? null;
  return own.map(({ kind, value, start, end }) => ({
    kind,
    value,
    start,
    end,
    task: kind === 'state' ? task : null,
  }));
}
