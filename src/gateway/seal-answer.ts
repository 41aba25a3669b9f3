import { assertNever } from '../kernel/assert-never.ts';
import { type LocatedHandle, locateHandles } from '../mcp/locate-handles.ts';
import { cursorOwner, type Holder, stateOwner, type Subject, taskOwner } from './handles.ts';
import { createEventHold, type EventHold } from './event-hold.ts';
import type { StateSeal } from './state-seal.ts';
import type { TaskLedger } from './task-ledger.ts';

/** What every handle is sealed and opened with. */
export interface HandlePorts {
  readonly handles: StateSeal;
  readonly tasks: TaskLedger;
}

/** Makes what a server gives out in one answer good for the agent that asked, and for nobody else (law 5). */
export class AnswerSealer {
  private readonly holder: Holder;
  private readonly subject: Subject;
  private readonly ports: HandlePorts;
  private readonly hasCursors: boolean;

  /**
   * `subject`: what was asked, for the states and cursors in the answer to it; without a method, that is not known. A
   * task that the agent was not given in answer to a call of its own is sealed for nobody.
   */
  constructor(holder: Holder, subject: Subject, ports: HandlePorts) {
    this.holder = holder;
    this.subject = subject;
    this.ports = ports;
    this.hasCursors = subject.method === '' || subject.method.endsWith('/list');
  }

  /** A whole answer, itself where it gives out nothing. */
  whole(answer: Uint8Array): Uint8Array {
    if (!this.mentions(answer)) return answer;
    const text = latin1(answer);
    const handles = this.locate(text);
    return handles.length === 0 ? answer : replaceAll(text, handles, (handle) => this.sealed(handle));
  }

  /** For the pieces of an event stream, which come out as they may be passed on. */
  stream(): EventHold {
    return createEventHold(
      (octets) => this.mentions(octets),
      (events) => {
        const text = latin1(events);
        const located = locateInEvents(text, (data) => this.locate(data));
        return replaceAll(text, located, (handle) => this.sealed(handle));
      },
    );
  }

  private mentions(octets: Uint8Array): boolean {
    return mentionsAny(octets, this.hasCursors ? withCursors : always);
  }

  private locate(text: string): readonly LocatedHandle[] {
    return locateHandles(text).filter(({ kind }) => kind !== 'cursor' || this.hasCursors);
  }

  private sealed(handle: LocatedHandle): string {
    const { holder, subject } = this;
    const { handles: seal, tasks } = this.ports;
    switch (handle.kind) {
      case 'task': {
        if (startsTasks.has(subject.method)) tasks.note(holder, handle.value);
        const shown = tasks.shown(holder, handle.value);
        if (shown !== null && seal.opens(shown)) return shown;
        const owner = tasks.knows(holder, handle.value) ? holder : nobody;
        return seal.seal([holder.server, handle.value], taskOwner(owner));
      }
      case 'cursor':
        return seal.seal([handle.value], cursorOwner(holder, subject.method));
      case 'state': {
        const about = handle.task === null ? subject : { method: 'tasks/get', name: handle.task };
        return seal.seal([handle.value], stateOwner(holder, about));
      }
      default:
        return assertNever(handle.kind);
    }
  }
}

/** The requests that a server answers with a task of its own (MCP 2025-11-25, Tasks; SEP-2663). */
const startsTasks: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);
const nobody = { party: '' };

/**
 * Parts of the names of the members that hold handles, `taskId` and `taskIds`, `requestState`, `nextCursor`: from where
 * they look like little else, because every answer is searched for them. A server that escapes their letters hides its
 * handles from us and from its own use: what comes back unsealed is refused.
 */
const always = ['kId', 'State"'].map((part) => Buffer.from(part));
const withCursors = [...always, Buffer.from('Cursor"')];

function mentionsAny(octets: Uint8Array, names: readonly Buffer[]): boolean {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  return names.some((name) => text.includes(name));
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1');
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/** The octets of a text with each handle sealed; everything between them is as it was. */
function replaceAll(
  text: string,
  handles: readonly LocatedHandle[],
  sealed: (handle: LocatedHandle) => string,
): Uint8Array {
  const pieces: string[] = [];
  let at = 0;
  for (const handle of handles) {
    pieces.push(text.slice(at, handle.start), `"${sealed(handle)}"`);
    at = handle.end;
  }
  pieces.push(text.slice(at));
  return Buffer.from(pieces.join(''), 'latin1');
}

/** The handles in the data of whole blocks of an event stream (HTML, Server-sent events §9.2). */
function locateInEvents(
  text: string,
  locate: (data: string) => readonly LocatedHandle[],
): readonly LocatedHandle[] {
  const found: LocatedHandle[] = [];
  let lines: Place[] = [];
  const conclude = (): void => {
    const data = lines.map((line) => text.slice(line.start, line.end)).join('\n');
    for (const handle of locate(data)) {
      const start = positionIn(lines, handle.start);
      found.push({ ...handle, start, end: start + handle.end - handle.start });
    }
    lines = [];
  };
  for (const line of linesOf(text)) {
    if (line.start === line.end) conclude();
    else if (text.startsWith(dataField, line.start)) {
      const space = text[line.start + dataField.length] === ' ' ? 1 : 0;
      lines.push({ start: line.start + dataField.length + space, end: line.end });
    }
  }
  return found;
}

const dataField = 'data:';

function* linesOf(text: string): Generator<Place> {
  let start = 0;
  for (const { index, 0: ending } of text.matchAll(/\r\n|\n|\r/g)) {
    yield { start, end: index };
    start = index + ending.length;
  }
  if (start < text.length) yield { start, end: text.length };
}

/** Where a position in the joined lines is in the text; a string of JSON never crosses lines. */
function positionIn(lines: readonly Place[], position: number): number {
  let before = 0;
  for (const { start, end } of lines) {
    if (position - before <= end - start) return start + position - before;
    before += end - start + 1;
  }
  return position;
}
