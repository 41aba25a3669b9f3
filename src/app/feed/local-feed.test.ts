import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Change, ChangeFeed } from '../store/change-feed.ts';
import type { FeedMessage, HeardOf } from './feed-message.ts';
import { createLocalFeed } from './local-feed.ts';

const change = (sequence: number): Change => ({ sequence, kind: 'server', key: 's', value: null });

/** A store at change 9 that keeps what came after 3; another change commits while one subscribes. */
async function firstMessages(heard: HeardOf | null): Promise<readonly FeedMessage[]> {
  let tell = (_change: Change): void => undefined;
  const changes: ChangeFeed = {
    async snapshot() {
      tell(change(9));
      return { sequence: 9, certificates: [], agents: [], servers: [] };
    },
    async since(sequence) {
      if (sequence < 3 || sequence > 9) throw new Fault('not_found', 'Take a snapshot.');
      tell(change(9));
      tell(change(10));
      return [4, 5, 6, 7, 8, 9].filter((each) => each > sequence).map(change);
    },
    isCurrent: () => true,
    catchUp: async () => undefined,
    subscribe(listener) {
      tell = listener;
      return () => undefined;
    },
  };
  using feed = createLocalFeed(
    { changes, id: 'this' },
    () => [],
    () => ({ roots: '', issuer: '' }),
    { clock: systemClock },
  );
  const messages: FeedMessage[] = [];
  await feed.subscribe((message) => messages.push(message), heard);
  return messages;
}

const shown = (messages: readonly FeedMessage[]): readonly unknown[] =>
  messages.map((message) => (message.type === 'change' ? message.change.sequence : message.type));

test('I7 who has heard of the store gets what came after that, each change once and in order', async () => {
  assert.deepEqual(shown(await firstMessages({ store: 'this', sequence: 7 })), ['resumed', 8, 9, 10]);
  assert.deepEqual(shown(await firstMessages({ store: 'this', sequence: 9 })), ['resumed', 10]);
});

test('I7 who has heard of another store, of too little or of more than there is gets a snapshot', async () => {
  assert.deepEqual(shown(await firstMessages(null)), ['snapshot']);
  assert.deepEqual(shown(await firstMessages({ store: 'other', sequence: 7 })), ['snapshot']);
  assert.deepEqual(shown(await firstMessages({ store: 'this', sequence: 2 })), ['snapshot']);
  assert.deepEqual(shown(await firstMessages({ store: 'this', sequence: 11 })), ['snapshot']);
});
