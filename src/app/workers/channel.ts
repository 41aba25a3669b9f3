import { Fault, toFault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';

/** What one side of a channel answers, by name. */
export type Answers = Readonly<Record<string, (value: never) => unknown>>;

/** Questions and answers between the process that began and one that it started. */
export interface Channel {
  /** Throws the Fault of the other side; `unavailable` once it is gone. */
  ask<Result>(name: string, value: unknown): Promise<Result>;
  /** A question whose answer nobody waits for. */
  tell(name: string, value: unknown): void;
}

interface Question {
  readonly ask: string;
  /** null where no answer is wanted. */
  readonly id: number | null;
  readonly value: unknown;
}

type Answer =
  | { readonly answer: number; readonly value: unknown }
  | { readonly answer: number; readonly fault: { readonly code: FaultCode; readonly detail: string } };

/**
 * The end of a channel that `post` writes to; what comes is given to `receive`, and the end of the other side to `gone`. What is
 * said in one turn of the event loop goes out together: a message between processes costs more than what it says.
 */
export function createChannel(
  post: (messages: readonly object[]) => void,
  answers: Answers,
): Channel & { receive(messages: unknown): void; gone(): void } {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let ids = 0;
  let over = false;
  let outgoing: object[] = [];
  const send = (message: object): void => {
    if (outgoing.push(message) > 1) return;
    setImmediate(() => {
      const together = outgoing;
      outgoing = [];
      if (!over) post(together);
    });
  };
  const answer = async ({ ask, id, value }: Question): Promise<void> => {
    try {
      const act = answers[ask] as ((value: unknown) => unknown) | undefined;
      if (!act) throw new Fault('internal', `Nobody answers ${ask} in this process.`);
      const given = await act(value);
      if (id !== null) send({ answer: id, value: given });
    } catch (error) {
      const { code, message } = toFault(error);
      if (id !== null) send({ answer: id, fault: { code, detail: message } });
    }
  };
  const settle = (message: Answer): void => {
    const asked = waiting.get(message.answer);
    waiting.delete(message.answer);
    if ('fault' in message) asked?.reject(new Fault(message.fault.code, message.fault.detail));
    else asked?.resolve(message.value);
  };
  return {
    ask<Result>(name: string, value: unknown): Promise<Result> {
      if (over) return Promise.reject(goneFault());
      const asked = Promise.withResolvers<unknown>();
      const id = ++ids;
      waiting.set(id, asked);
      send({ ask: name, id, value } satisfies Question);
      return asked.promise as Promise<Result>;
    },
    tell(name, value) {
      if (!over) send({ ask: name, id: null, value } satisfies Question);
    },
    receive(messages) {
      // Node's own messages between processes are none of ours.
      if (!Array.isArray(messages)) return;
      for (const message of messages as (Question | Answer)[]) {
        if ('ask' in message) void answer(message);
        else settle(message);
      }
    },
    gone() {
      over = true;
      for (const { reject } of waiting.values()) reject(goneFault());
      waiting.clear();
    },
  };
}

function goneFault(): Fault {
  return new Fault('unavailable', 'The process that answers this is gone.');
}
