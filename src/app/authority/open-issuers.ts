import type { Issuer } from '../../ca/issuer.ts';
import { equalBytes, utf8 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { isSignedBy } from '../../x509/certificate.ts';
import type { DataFolder } from './data-folder.ts';
import { type IssuersDisk, settleIssuers } from './issuers-disk.ts';
import { type KeptIssuer, type KeptIssuers, readIssuers, sameIssuers, writeIssuers } from './issuers-file.ts';
import type { SharedSteps } from '../peers/shared-steps.ts';
import { discreet, type HolderWorld, openKeptKey, readKeyOctets } from './signing-key-file.ts';

/** Who issues in this process: one intermediate, and while it is being replaced the next or the one before. */
export interface Issuers {
  /** The one that signs. */
  issuing(): Issuer;
  /** That one, then the next once it is signed, or the one before. All are trusted. */
  all(): readonly Issuer[];
  kept(): KeptIssuers;
  /**
   * Does a step of a rotation: opens what is new, writes all in one file, and only then goes by it. Throws what opening and
   * writing throw; then nothing has changed. Whoever listens has followed when it resolves.
   */
  change(next: KeptIssuers): Promise<void>;
  /**
   * Goes by the steps of all authorities of a store from now on: takes the last one, or tells the others what is here. A step is then
   * theirs too, and `change` throws Fault `conflict` when another has taken one meanwhile.
   */
  share(steps: SharedSteps): Promise<void>;
  /** Takes the last step of another authority, if there is one that was not taken. Throws what opening and writing throw. */
  follow(): Promise<void>;
  /** The number of the last step that was taken here; 0 for one that shares none. */
  step(): number;
  /** Calls the listener after every step. Returns how to stop. */
  onChange(listener: () => void | Promise<void>): () => void;
}

/** What issuers are opened with. */
export interface IssuersWorld extends HolderWorld {
  readonly data: DataFolder;
  readonly trustDomain: string;
  readonly passphrase: string;
  readonly log: (line: string) => void;
  readonly disk: IssuersDisk;
}

/** Opens the issuers of a data folder; their keys are closed with `opened`. Throws Fault `state_damaged`, …. */
export async function openIssuers(world: IssuersWorld, opened: AsyncDisposableStack): Promise<Issuers> {
  const { data, disk } = world;
  const keys = opened.use(new AsyncDisposableStack());
  let kept = await readIssuers(data);
  await settleIssuers(kept, data, disk);
  const known = new Map<string, Issuer>();
  const openOnce = async (issuer: KeptIssuer): Promise<Issuer> => {
    const id = issuer.certificate.thumbprint;
    const found = known.get(id) ?? (await openIssuer(issuer, world, keys));
    known.set(id, found);
    return found;
  };
  const openAll = async (of: KeptIssuers): Promise<readonly Issuer[]> => {
    const beside = of.retiring ?? (of.next?.signed ? { ...of.next.signed, key: of.next.key } : null);
    return await Promise.all([of.issuing, ...(beside ? [beside] : [])].map(openOnce));
  };
  let all = await openAll(kept);
  const listeners = new Set<() => void | Promise<void>>();
  let shared: SharedSteps | null = null;
  let step = 0;
  const go = async (next: KeptIssuers, open: readonly Issuer[], of: number): Promise<void> => {
    await disk.write(data.issuers, writeIssuers(next));
    kept = next;
    all = open;
    step = of;
    // The step is done: one who cannot follow does not undo it.
    await Promise.allSettled([...listeners].map(async (listener) => listener()));
    await settleIssuers(kept, data, disk);
  };
  const follow = async (): Promise<void> => {
    if (!shared || (await shared.last()) <= step) return;
    const theirs = await shared.read();
    if (!theirs) return;
    if (sameIssuers(theirs.kept, kept)) step = theirs.step;
    else await go(theirs.kept, await openAll(theirs.kept), theirs.step);
  };
  return {
    issuing: () => firstOf(all),
    all: () => all,
    kept: () => kept,
    async change(next) {
      const open = await openAll(next);
      if (shared && !(await shared.put(step, next))) {
        throw new Fault(
          'conflict',
          'Another authority has taken a step of a rotation meanwhile. See: countersign rotate status',
        );
      }
      await go(next, open, shared ? step + 1 : 0);
    },
    async share(steps) {
      shared = steps;
      while ((await steps.last()) === 0) await steps.put(0, kept);
      await follow();
    },
    follow,
    step: () => step,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function firstOf([issuing]: readonly Issuer[]): Issuer {
  if (!issuing) throw new TypeError('There is always one that issues.');
  return issuing;
}

async function openIssuer(
  kept: KeptIssuer,
  world: IssuersWorld,
  opened: AsyncDisposableStack,
): Promise<Issuer> {
  const { data, trustDomain } = world;
  const { certificate, root } = kept;
  const place = kept.key === null ? data.intermediateCertificate : data.issuers;
  checkChain(kept, place, data);
  if (!certificate.permittedUris?.includes(trustDomain)) {
    throw new Fault(
      'state_damaged',
      `${data.marker} names the trust domain ${JSON.stringify(trustDomain)}, which ${place} is not for. Restore the folder from a backup.`,
    );
  }
  const keyPlace = kept.key === null ? data.intermediateKey : data.issuers;
  const octets = kept.key === null ? await readKeyOctets(keyPlace) : utf8(JSON.stringify(kept.key));
  const passphrase = async (): Promise<string> => world.passphrase;
  const key = opened.use(await openKeptKey(keyPlace, octets, { ...world, passphrase, certificate }));
  if (!certificate.publicKey.equals(key.publicKey)) {
    throw new Fault(
      'state_damaged',
      `${keyPlace} is not the key of ${place}. Restore the folder from a backup.`,
    );
  }
  return {
    certificate,
    chain: [certificate, root],
    key: key.reference === null ? key : discreet(key, world.log),
    trustDomain,
  };
}

/** Whoever could put another root here would be believed by every listener. */
function checkChain({ certificate, root }: KeptIssuer, place: string, data: DataFolder): void {
  const whole =
    equalBytes(certificate.issuerDer, root.subjectDer) &&
    isSignedBy(certificate, root.publicKey) &&
    isSignedBy(root, root.publicKey);
  if (whole) return;
  const above = place === data.issuers ? 'the root beside it' : data.rootCertificate;
  throw new Fault('state_damaged', `${place} is not signed by ${above}. Restore the folder from a backup.`);
}
