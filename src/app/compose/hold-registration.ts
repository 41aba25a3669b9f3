import type { KeyObject } from 'node:crypto';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import { renewalWindow } from '../../ca/renewal-window.ts';
import type { Registration } from '../../enrol/scep/scep-parts.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { errorText, Fault } from '../../kernel/fault.ts';
import { spkiOf } from '../../x509/build-certificate.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { readKeyCertificate } from '../../x509/cms-signer.ts';
import { encodePem } from '../../x509/pem.ts';
import { buildRequest } from '../../x509/request.ts';
import type { Authority } from '../authority/authority.ts';

/** The certificate of the registration authority, renewed for as long as the process lives. */
export interface HeldRegistration extends Disposable {
  /** Throws Fault `unavailable` while there is none in force. */
  current(): Registration;
}

const name = 'registration';
const longestTimer = 2 ** 31 - 1;
const retryMilliseconds = 30_000;

/**
 * Keeps a certificate for the key. The one of an earlier process goes on, since clients may have been given it by hand; the
 * next one comes when its time is there, or at once when it is revoked or another intermediate issues. What was encrypted
 * for an older one that is still in force is opened too.
 */
export async function holdRegistration(
  key: KeyObject,
  authority: Authority,
  log: (line: string) => void,
): Promise<HeldRegistration> {
  const { clock, store, issuers } = authority;
  const certificates = new RegistrationCertificates(key, authority);
  await certificates.keep();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;
  let turning: Promise<void> = Promise.resolve();
  const wait = (milliseconds: number): void => {
    if (timer) clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => void turn(), Math.min(longestTimer, Math.max(1, milliseconds)));
    timer.unref();
  };
  const untilNext = (): number => Math.max(1_000, certificates.renewAt() - clock.now());
  const renew = async (): Promise<void> => {
    try {
      await certificates.keep();
      wait(untilNext());
    } catch (error) {
      log(`The certificate of the SCEP door could not be renewed: ${errorText(error)} It is tried again.`);
      wait(retryMilliseconds);
    }
  };
  const turn = (): Promise<void> => {
    turning = turning.then(renew);
    return turning;
  };
  wait(untilNext());
  const ignoreChanges = store.changes.subscribe(({ kind, key: serial, value }) => {
    if (kind === 'certificate' && value?.state === 'revoked' && certificates.drop(serial)) wait(1);
  });
  const ignoreIssuers = issuers.onChange(turn);
  return {
    current: () => certificates.current(),
    [Symbol.dispose]() {
      closed = true;
      ignoreChanges();
      ignoreIssuers();
      if (timer) clearTimeout(timer);
    },
  };
}

/** The certificates of the key that are in force. */
class RegistrationCertificates {
  readonly #key: KeyObject;
  readonly #keyHash: string;
  readonly #authority: Authority;
  #held: readonly CertificateRecord[] = [];

  constructor(key: KeyObject, authority: Authority) {
    this.#key = key;
    this.#keyHash = sha256Base64url(spkiOf(key));
    this.#authority = authority;
  }

  current(): Registration {
    const now = this.#authority.clock.now();
    const certificates = this.#held.flatMap(({ der, notAfter }) => (der && notAfter > now ? [der] : []));
    const certificate = this.#newest()?.der ?? certificates.at(-1);
    if (!certificate || certificates.length === 0) {
      throw new Fault('unavailable', 'The SCEP door has no certificate at the moment.');
    }
    return { certificate, key: this.#key, certificates: certificates.map((der) => readKeyCertificate(der)) };
  }

  /** When the next one is due, in epoch milliseconds. */
  renewAt(): number {
    const der = this.#newest()?.der;
    return der ? renewalWindow(readCertificate(der)).at : 0;
  }

  /** Has the next one issued when it is due. */
  async keep(): Promise<void> {
    await this.#load();
    if (this.#authority.clock.now() < this.renewAt()) return;
    const csr = encodePem('CERTIFICATE REQUEST', buildRequest(this.#key, { commonName: name }));
    const order = { name, kind: 'ra', csr, dnsNames: [], ipAddresses: [] } as const;
    await this.#authority.issueFor(order, 'authority', { replaces: this.#held.at(-1)?.serial });
    await this.#load();
  }

  /** Goes on without one; false when it is none of these. */
  drop(serial: string): boolean {
    const left = this.#held.filter((one) => one.serial !== serial);
    const found = left.length < this.#held.length;
    this.#held = left;
    return found;
  }

  async #load(): Promise<void> {
    const { store, clock } = this.#authority;
    const of = { name, kind: 'ra', state: 'issued', keyHash: this.#keyHash } as const;
    const issued = await store.certificates.list(of);
    this.#held = issued.filter(({ notAfter, der }) => der !== null && notAfter > clock.now());
  }

  /** The newest of the intermediate that issues now. */
  #newest(): CertificateRecord | undefined {
    const issuer = keyIdOf(this.#authority.issuers.issuing().certificate);
    return this.#held.findLast((one) => one.issuer === issuer);
  }
}
