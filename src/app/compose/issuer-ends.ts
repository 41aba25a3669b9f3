import { createPrivateKey } from 'node:crypto';
import { type CrlPublisher, openCrlPublisher } from '../../ca/crl.ts';
import type { Issuer } from '../../ca/issuer.ts';
import { openOcspResponder, type OcspResponder, type OcspSigner } from '../../ca/ocsp.ts';
import { signingKey } from '../../ca/signing-key.ts';
import type { TlsMaterial } from '../../http/exchange.ts';
import { errorText } from '../../kernel/fault.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import type { EndsOptions } from './compose-ends.ts';
import { sharedCrls } from '../peers/shared-crls.ts';
import { holdOwnIdentity } from './own-identity.ts';

/** What is published of the certificates of one issuer. */
export interface IssuerEnds extends AsyncDisposable {
  readonly crls: CrlPublisher;
  readonly ocsp: OcspResponder;
}

/** How long an OCSP answer may be used. A revocation is answered at once; this is for copies on the way. */
const ocspLife = 60 * 60_000;
/** About a sixth of a core. */
const signaturesPerSecond = 2_000;

/** Publishes the lists of an issuer and opens its responder. Throws what publishing the first lists throws. */
export async function openIssuerEnds(issuer: Issuer, options: EndsOptions): Promise<IssuerEnds> {
  const { config, clock, authority, log } = options;
  const { store, audit, urlsOf, peers } = authority;
  const several = peers.self === null ? {} : { shelf: sharedCrls(issuer, { facts: store.meta, peers }) };
  await using opened = new AsyncDisposableStack();
  const sources = { issuer, records: store.certificates, clock };
  const life = config.authority.crlMinutes * 60_000;
  const crls = opened.use(
    await openCrlPublisher(
      { ...sources, ...several, facts: store.meta, audit, urls: urlsOf(issuer), life },
      log,
    ),
  );
  const ocsp = await openResponder(sources, options, opened);
  const held = opened.move();
  return { crls, ocsp, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** The responder, with a certificate of its own by the same issuer (RFC 6960 §4.2.2.2) that is renewed by itself. */
async function openResponder(
  sources: Pick<Parameters<typeof openOcspResponder>[0], 'issuer' | 'records' | 'clock'>,
  { authority, clock, log }: EndsOptions,
  opened: AsyncDisposableStack,
): Promise<OcspResponder> {
  const names = { dnsNames: [], ipAddresses: [] };
  const identity = opened.use(
    await holdOwnIdentity({
      name: 'responder',
      ...names,
      issue: (csr) =>
        authority.issueFor({ name: 'responder', kind: 'ocsp', csr, ...names }, 'authority', {
          issuer: sources.issuer,
        }),
      clock,
      log,
    }),
  );
  const responder = await openOcspResponder(
    {
      ...sources,
      life: ocspLife,
      signaturesPerSecond,
      signedBefore: authority.rootOcsp.answer,
    },
    signerOf(identity.current()),
  );
  identity.onRenewed((material) => {
    responder
      .replaceSigner(signerOf(material))
      .catch((error: unknown) => log(`The OCSP responder keeps its old certificate: ${errorText(error)}`));
  });
  return responder;
}

function signerOf({ certificate, key }: TlsMaterial): OcspSigner {
  const [leaf] = decodePem(certificate, 'CERTIFICATE');
  return { certificate: readCertificate(leaf ?? new Uint8Array()), key: signingKey(createPrivateKey(key)) };
}
