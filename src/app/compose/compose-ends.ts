import type { CrlPublisher } from '../../ca/crl.ts';
import { type Issuer, rootsOf } from '../../ca/issuer.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { readCertificate } from '../../x509/certificate.ts';
import type { Crl } from '../../x509/crl.ts';
import type { Authority } from '../authority/authority.ts';
import type { Config } from '../config/config.ts';
import type { PublishedEnds } from '../listeners/plain-routes.ts';
import { type IssuerEnds, openIssuerEnds } from './issuer-ends.ts';

/** What anybody may fetch about the ends of certificates, kept current. */
export interface RunningEnds extends PublishedEnds, AsyncDisposable {
  /** The lists of the intermediate that issues now. */
  crls(): CrlPublisher;
  /** The list of the root above it. */
  ownRootCrl(): Crl | null;
  /** The OCSP response about a certificate of ours, for a handshake; null for any other. */
  readonly staple: (certificate: Uint8Array) => Promise<Uint8Array | null>;
}

/** What publishing needs. */
export interface EndsOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly authority: Authority;
  readonly log: (line: string) => void;
}

/**
 * Publishes the ends of what every issuer has issued for as long as the authority works: while one is being replaced, of
 * both. Throws what publishing the first lists throws.
 */
export async function composeEnds(options: EndsOptions): Promise<RunningEnds> {
  const { authority, log } = options;
  const { issuers, store, rootCrl } = authority;
  await using opened = new AsyncDisposableStack();
  const published = new Map<string, IssuerEnds>();
  opened.defer(async () => {
    for (const ends of published.values()) await ends[Symbol.asyncDispose]();
  });
  const follow = async (): Promise<void> => {
    const wanted = new Map(issuers.all().map((issuer) => [keyIdOf(issuer.certificate), issuer]));
    for (const [id, issuer] of wanted) {
      if (!published.has(id)) published.set(id, await openIssuerEnds(issuer, options));
    }
    for (const [id, ends] of published) {
      if (wanted.has(id)) continue;
      published.delete(id);
      await ends[Symbol.asyncDispose]();
    }
  };
  await follow();
  let following: Promise<void> = Promise.resolve();
  opened.defer(() => following);
  opened.defer(
    issuers.onChange(() => {
      following = following.then(follow).catch((error: unknown) => {
        log(`What the new intermediate issues is not published yet: ${errorText(error)}`);
      });
      return following;
    }),
  );
  opened.defer(
    store.changes.subscribe(({ kind, key, value }) => {
      if (kind !== 'certificate') return;
      for (const { crls, ocsp } of published.values()) {
        crls.heard(key, value?.state === 'revoked');
        ocsp.heard(key);
      }
    }),
  );
  const endsOf = (issuer: Issuer): IssuerEnds => {
    const ends = published.get(keyIdOf(issuer.certificate));
    if (ends) return ends;
    throw new Fault('unavailable', 'What the new intermediate issues is not published yet.');
  };
  const own = (): IssuerEnds => endsOf(issuers.issuing());
  const held = opened.move();
  return {
    crls: () => own().crls,
    ownRootCrl: () => rootCrl.current(),
    ocsp: {
      answer(request) {
        const all = [...published.values()];
        const asked = all.length > 1 ? all.find(({ ocsp }) => ocsp.isAskedBy(request)) : undefined;
        return (asked ?? own()).ocsp.answer(request);
      },
    },
    async staple(certificate) {
      const { serial, authorityKeyId } = readCertificate(certificate);
      return (await published.get(authorityKeyId ?? '')?.ocsp.staple(serial)) ?? null;
    },
    issuer(keyId) {
      const certificates = issuers.all().flatMap(({ chain }) => chain);
      return certificates.find((certificate) => keyIdOf(certificate) === keyId)?.der ?? null;
    },
    crlsOf: (keyId) => published.get(keyId)?.crls ?? null,
    rootCrl(keyId) {
      const root = rootsOf(issuers.all()).find((one) => keyIdOf(one) === keyId);
      return root ? rootCrl.current(root) : null;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
