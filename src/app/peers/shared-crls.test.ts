import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certify } from '../../ca/certify.ts';
import { type CrlPublisher, openCrlPublisher } from '../../ca/crl.ts';
import { memoryAuthority } from '../../ca/memory-authority.ts';
import { specimenOrder } from '../../ca/specimen-request.ts';
import { memoryMeta } from '../store/memory-meta.ts';
import { sharedCrls } from './shared-crls.ts';

const day = 24 * 60 * 60_000;

/** Two authorities of one store; each looks at the shelf when it is told to. */
async function opened() {
  const authority = memoryAuthority({ publicUrl: 'http://pki.example.internal:8446' });
  const { issuer, records, audit, clock, urls } = authority;
  const facts = memoryMeta();
  let leader = 'a';
  const open = async (name: string) => {
    let looks: () => Promise<void> = async () => undefined;
    const peers = {
      leads: () => leader === name,
      onBeat(listener: () => Promise<void>) {
        looks = listener;
        return () => undefined;
      },
    };
    const shelf = sharedCrls(issuer, { facts, peers });
    const sources = { issuer, records, facts, audit, clock, urls, life: day, shelf };
    const publisher = await openCrlPublisher(sources, () => undefined);
    return { publisher, shelf, look: () => looks() };
  };
  const [a, b] = [await open('a'), await open('b')];
  return { authority, facts, a, b, lead: (name: string) => void (leader = name) };
}

const tagsOf = (publisher: CrlPublisher): readonly string[] => {
  const { full, shards } = publisher.current();
  return [full, ...shards].map(({ tag }) => tag);
};

test('I7 all authorities hand out the very same lists, and one of them makes them', async () => {
  const { authority, a, b } = await opened();
  assert.deepEqual(tagsOf(a.publisher), tagsOf(b.publisher));
  const leaf = await certify(specimenOrder(), authority);
  await authority.records.revoke(leaf.serial, 'test', authority.clock.now());
  for (const { publisher } of [a, b]) publisher.heard(leaf.serial, true);
  await a.publisher.settled();
  await b.look();
  assert.equal(b.publisher.current().number, 2);
  assert.deepEqual([...b.publisher.current().serials], [leaf.serial]);
  assert.deepEqual(tagsOf(a.publisher), tagsOf(b.publisher));
  for (const { publisher } of [a, b]) publisher[Symbol.dispose]();
});

test('I7 when the authority that made the lists dies with a revocation in hand, the next one lists it', async () => {
  const { authority, a, b, lead } = await opened();
  const leaf = await certify(specimenOrder(), authority);
  await authority.records.revoke(leaf.serial, 'test', authority.clock.now());
  b.publisher.heard(leaf.serial, true);
  a.publisher[Symbol.dispose]();
  lead('b');
  await b.look();
  assert.equal(b.publisher.current().number, 2);
  assert.deepEqual([...b.publisher.current().serials], [leaf.serial]);
  b.publisher[Symbol.dispose]();
});

test('I7 lists of one that was stopped while another made newer ones are not put in their place', async () => {
  const { a, b, lead } = await opened();
  const old = a.publisher.current();
  lead('b');
  await b.look();
  assert.equal(await a.shelf.put(old), false);
  await a.look();
  assert.equal(a.publisher.current().number, 2);
  for (const { publisher } of [a, b]) publisher[Symbol.dispose]();
});

test('I7 lists in the store that the issuer has not signed are not handed out', async () => {
  const { authority, facts, a } = await opened();
  const stranger = memoryAuthority();
  const name = `crl-lists ${authority.issuer.certificate.subjectKeyId}`;
  const peers = { leads: () => true, onBeat: () => () => undefined };
  const other = await openCrlPublisher({ ...stranger, facts: memoryMeta(), life: day }, () => undefined);
  await facts.set(name, JSON.stringify([Buffer.from(other.current().full.der).toString('base64')]));
  assert.equal(await sharedCrls(authority.issuer, { facts, peers }).take(), null);
  for (const publisher of [a.publisher, other]) publisher[Symbol.dispose]();
});
