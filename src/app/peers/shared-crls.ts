import type { CrlShelf } from '../../ca/crl-shelf.ts';
import { readPublication } from '../../ca/crl-shelf.ts';
import type { Issuer } from '../../ca/issuer.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import { fromBase64, toBase64, utf8 } from '../../kernel/bytes.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import type { Peers } from './peers.ts';
import type { SharedFacts } from './shared-facts.ts';

/** The lists of an issuer in the store; the authority that leads makes them. */
export function sharedCrls(
  issuer: Issuer,
  { facts, peers }: { readonly facts: SharedFacts; readonly peers: Pick<Peers, 'leads' | 'onBeat'> },
): CrlShelf {
  const keyId = keyIdOf(issuer.certificate);
  const [lists, number] = [`crl-lists ${keyId}`, `crl-lists-number ${keyId}`];
  const take: CrlShelf['take'] = async () => readPublication(readLists(await facts.get(lists)), issuer);
  return {
    makes: () => peers.leads(),
    take,
    async takeNewer(than) {
      // The lists are long, and their number is short.
      return Number((await facts.get(number)) ?? 0) > than ? await take() : null;
    },
    async put(publication) {
      const before = await facts.get(lists);
      const there = readPublication(readLists(before), issuer);
      if (there && there.number >= publication.number) return false;
      const ders = [publication.full, ...publication.shards].map(({ der }) => toBase64(der));
      if (!(await facts.swap(lists, before, JSON.stringify(ders)))) return false;
      for (;;) {
        const known = await facts.get(number);
        if (Number(known ?? 0) >= publication.number) return true;
        if (await facts.swap(number, known, String(publication.number))) return true;
      }
    },
    onLook: (listener) => peers.onBeat(listener),
  };
}

function readLists(stored: string | null): readonly Uint8Array[] {
  const value = stored === null ? [] : parseJson(utf8(stored), { depth: 2, values: 1_000 });
  if (!Array.isArray(value)) return [];
  return value.flatMap((each) => (typeof each === 'string' ? (fromBase64(each) ?? []) : []));
}
