import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server';

interface Stored {
  readonly stream: string;
  readonly message: JSONRPCMessage;
}

/** The events of one session, numbered, so that a client that comes back gets what it missed. */
export function createEventStore(): EventStore {
  const events: Stored[] = [];
  const indexOf = (id: string): number => Number(id.split('.', 1)[0]);
  return {
    storeEvent(stream, message) {
      events.push({ stream, message });
      return Promise.resolve(`${events.length - 1}.${stream}`);
    },
    getStreamIdForEventId: (id) => Promise.resolve(events[indexOf(id)]?.stream),
    async replayEventsAfter(last, { send }) {
      const from = indexOf(last);
      const stream = events[from]?.stream;
      if (stream === undefined) throw new Error('no such event');
      for (const [index, event] of events.entries()) {
        // The priming event holds no message.
        if (index <= from || event.stream !== stream || Object.keys(event.message).length === 0) continue;
        await send(`${index}.${stream}`, event.message);
      }
      return stream;
    },
  };
}
