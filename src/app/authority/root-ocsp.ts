import { type OcspReply, ocspRefusal } from '../../ca/ocsp.ts';
import { rootsOf } from '../../ca/issuer.ts';
import { isAskedOfRoot, readRootAnswer, type RootAnswer } from '../../ca/root-ocsp.ts';
import { fromBase64, sha256Base64url, toBase64 } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { utf8 } from '../../kernel/bytes.ts';
import type { OcspQuestion } from '../../x509/ocsp-request.ts';
import type { StoreMeta } from '../store/store.ts';
import type { Issuers } from './open-issuers.ts';
import type { RootCrl } from './root-crl.ts';

/** What OCSP says of intermediates: responses that were signed when the root key was at hand. */
export interface RootOcsp {
  /**
   * The response to a question about a certificate that a root of ours issued, `unauthorized` when there is none to give
   * (RFC 5019 §2.2.3); null when the question is about another's.
   */
  answer(question: OcspQuestion): OcspReply | null;
  /**
   * Takes newer responses; those about other certificates stay. Throws Fault `invalid_input` for one that no root of ours
   * vouches for, that is over, or that says what the root's CRL does not.
   */
  keep(responses: readonly Uint8Array[]): Promise<void>;
  /** Takes those that another authority of the store was given. */
  refresh(): Promise<void>;
}

interface Parts {
  readonly issuers: Pick<Issuers, 'all'>;
  readonly rootCrl: Pick<RootCrl, 'current'>;
  readonly meta: StoreMeta;
  readonly clock: Clock;
}

const fact = 'root-ocsp';

/** Opens the responses that were kept; what is no response of a root of ours any more is left out. */
export async function openRootOcsp(parts: Parts): Promise<RootOcsp> {
  const { issuers, meta, clock } = parts;
  const kept = new Map<string, Kept>();
  const put = (answer: RootAnswer): void => {
    const { thisUpdate, nextUpdate, der, asked } = answer;
    const reply = { der, kept: { thisUpdate, nextUpdate, tag: sha256Base64url(der) } };
    kept.set(nameOf(asked), { answer, reply });
  };
  const load = async (): Promise<void> => {
    for (const der of await readKept(meta)) {
      const answer = firstAnswer(der, parts);
      const known = answer && kept.get(nameOf(answer.asked));
      if (answer && (!known || known.answer.nextUpdate < answer.nextUpdate)) put(answer);
    }
  };
  await load();
  return {
    refresh: load,
    answer(question) {
      const found = kept.get(nameOf(question));
      if (found && clock.now() <= found.answer.nextUpdate && agrees(found.answer, parts)) return found.reply;
      const ofOurs = rootsOf(issuers.all()).some((root) => isAskedOfRoot(question, root));
      return found || ofOurs ? ocspRefusal('unauthorized') : null;
    },
    async keep(responses) {
      const answers = responses.map((der) => {
        const answer = firstAnswer(der, parts);
        if (answer && clock.now() <= answer.nextUpdate && agrees(answer, parts)) return answer;
        throw new Fault(
          'invalid_input',
          'That OCSP response is of no root of this authority, is over, or differs from the CRL of the root.',
        );
      });
      answers.forEach(put);
      const left = [...kept.values()].filter(({ answer }) => clock.now() <= answer.nextUpdate);
      await meta.set(fact, JSON.stringify(left.map(({ answer }) => toBase64(answer.der))));
    },
  };
}

interface Kept {
  readonly answer: RootAnswer;
  readonly reply: OcspReply;
}

function nameOf({
  hashAlgorithm,
  issuerNameHash,
  issuerKeyHash,
  serial,
}: Omit<OcspQuestion, 'certId'>): string {
  return `${hashAlgorithm} ${issuerNameHash} ${issuerKeyHash} ${serial}`;
}

function firstAnswer(der: Uint8Array, { issuers }: Parts): RootAnswer | null {
  for (const root of rootsOf(issuers.all())) {
    const answer = readRootAnswer(der, root);
    if (answer) return answer;
  }
  return null;
}

/** A newer list of the root that revokes, or an older one that does not, outweighs a response. */
function agrees({ asked, status }: RootAnswer, { issuers, rootCrl }: Parts): boolean {
  const root = rootsOf(issuers.all()).find((one) => isAskedOfRoot(asked, one));
  const crl = root && rootCrl.current(root);
  const listed = crl?.entries.some(({ serial }) => serial === asked.serial) ?? false;
  return root !== undefined && listed === (status.kind === 'revoked');
}

async function readKept(meta: StoreMeta): Promise<readonly Uint8Array[]> {
  const text = await meta.get(fact);
  const list = text === null ? [] : parseJson(utf8(text));
  if (!Array.isArray(list)) return [];
  return list.flatMap((each) => (typeof each === 'string' ? (fromBase64(each) ?? []) : []));
}
