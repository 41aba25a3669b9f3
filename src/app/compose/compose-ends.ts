import { type CrlPublisher, openCrlPublisher } from '../../ca/crl.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import { readRootCrl } from '../authority/root-crl.ts';
import type { Authority } from '../authority/authority.ts';
import type { DataFolder } from '../authority/data-folder.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { PublishedEnds } from '../listeners/plain-routes.ts';

/** What anybody may fetch about the ends of certificates, kept current. */
export interface RunningEnds extends PublishedEnds, AsyncDisposable {
  readonly crls: CrlPublisher;
}

/** Publishes CRLs for as long as the authority works. Throws what publishing the first ones throws. */
export async function composeEnds(options: {
  readonly config: Config;
  readonly data: DataFolder;
  readonly clock: Clock;
  readonly authority: Authority;
  readonly log: (line: string) => void;
}): Promise<RunningEnds> {
  const { config, data, clock, authority, log } = options;
  const { store, issuer, audit, urls } = authority;
  await using opened = new AsyncDisposableStack();
  const crls = opened.use(
    await openCrlPublisher(
      {
        issuer,
        records: store.certificates,
        facts: store.meta,
        audit,
        clock,
        urls,
        life: config.authority.crlMinutes * 60_000,
      },
      log,
    ),
  );
  opened.defer(
    store.changes.subscribe(({ kind, key, value }) => {
      if (kind === 'certificate') crls.heard(key, value?.state === 'revoked');
    }),
  );
  const held = opened.move();
  const [intermediate, root] = issuer.chain;
  return {
    crls,
    issuers: new Map([intermediate, root].flatMap((one) => (one ? [[keyIdOf(one), one.der] as const] : []))),
    intermediateId: keyIdOf(issuer.certificate),
    rootId: root ? keyIdOf(root) : null,
    rootCrl: () => readRootCrl(data, issuer),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
