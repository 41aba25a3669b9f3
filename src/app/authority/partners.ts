import type { AuditLog } from '../../audit/log.ts';
import { checkPartnerAuthorities } from '../../identity/partner-authorities.ts';
import { type BundleSource, type PartnerRecord, trustEnds } from '../../identity/partner-record.ts';
import { equalBytes, fromBase64, toBase64, utf8 } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText, Fault, toFault } from '../../kernel/fault.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import { readSpiffeBundle, type SpiffeBundle } from '../../x509/spiffe-bundle.ts';
import { checkTrustDomain, parseSpiffeId } from '../../x509/spiffe-id.ts';
import type { Store } from '../store/store.ts';
import { type FetchBundle, fetchBundle } from './fetch-bundle.ts';
import { fingerprintOf } from './fingerprint.ts';

/** What an administrator says of a partner. */
export interface PartnerOrder
  extends Pick<PartnerRecord, 'name' | 'trustDomain' | 'mappings' | 'maximumLife' | 'source'> {
  /** The text of a bundle; null when there is none at hand. */
  readonly bundle: string | null;
  /** Certificates of authorities in PEM, in place of a bundle. */
  readonly authorities: string | null;
  /** Milliseconds; null for what is usual. */
  readonly trustedFor: number | null;
  /** Whether a partner of that name is replaced. */
  readonly replace: boolean;
}

/** Whom we trust besides ourselves. */
export interface Partners {
  /** Reads or fetches the bundle. Throws Fault `bundle_refused`, `conflict`, `invalid_input`, and those of fetching. */
  add(order: PartnerOrder, actor: string): Promise<PartnerRecord>;
  /** Fetches the bundle again. Throws Fault `not_found`, `invalid_input`, `bundle_refused`, and those of fetching. */
  refresh(name: string): Promise<PartnerRecord>;
  /** False when there is none. */
  remove(name: string, actor: string): Promise<boolean>;
  list(): Promise<readonly PartnerRecord[]>;
}

interface Parts {
  readonly trustDomain: string;
  /** Every root and intermediate of ours that counts. */
  readonly own: () => readonly Certificate[];
  readonly store: Pick<Store, 'partners'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  /** How bundles are fetched; over the network unless given. */
  readonly fetch?: FetchBundle;
}

const day = 24 * 60 * 60_000;
/** How long a bundle is trusted after it was read, unless said otherwise: by hand, or fetched. */
const usualTrust = { file: 90 * day, url: day } as const;

type All = readonly PartnerRecord[];

export function openPartners(parts: Parts): Partners {
  const { store, audit, clock, fetch = fetchBundle } = parts;
  // Of each partner whose last fetching failed, so that a failure that lasts is recorded once.
  const failing = new Set<string>();
  return {
    async add(order, actor) {
      const { name, trustDomain, source, mappings, maximumLife } = order;
      checkTrustDomain(trustDomain);
      if (source?.known.by === 'spiffe') checkMember(source.known.id, trustDomain);
      const bundle = await firstBundle(order, fetch);
      let before: PartnerRecord | null = null;
      const record = await store.partners.put(name, (found, all) => {
        before = found;
        if (found && !order.replace) {
          throw new Fault(
            'conflict',
            `A partner named ${name} exists already. Choose another name, or give --replace.`,
          );
        }
        const authorities = accepted(bundle, { name, trustDomain }, all, parts);
        return {
          name,
          trustDomain,
          authorities,
          mappings,
          maximumLife,
          source,
          trustedFor: order.trustedFor ?? (source ? usualTrust.url : usualTrust.file),
          sequence: bundle.sequence,
          refreshHint: bundle.refreshHint,
          addedAt: found?.addedAt ?? clock.now(),
          readAt: clock.now(),
        };
      });
      failing.delete(name);
      await audit.append({
        type: before ? 'partner.changed' : 'partner.added',
        name,
        trustDomain,
        ...summaryOf(record),
        actor,
      });
      return record;
    },
    async refresh(name) {
      const known = await found(name, store);
      try {
        const bundle = await fetch(requireSource(known), known.authorities);
        const [before, record] = await take(bundle, known, parts);
        failing.delete(name);
        if (before.authorities.join() !== record.authorities.join()) {
          await audit.append({ type: 'partner.refreshed', name, ...summaryOf(record) });
        }
        return record;
      } catch (error) {
        if (!failing.has(name)) {
          failing.add(name);
          const { code } = toFault(error);
          await audit.append({ type: 'partner.unreachable', name, code, reason: errorText(error) });
        }
        throw error;
      }
    },
    async remove(name, actor) {
      const removed = await store.partners.remove(name);
      failing.delete(name);
      if (removed) await audit.append({ type: 'partner.removed', name, actor });
      return removed;
    },
    list: () => store.partners.list(),
  };
}

function checkMember(id: string, trustDomain: string): void {
  if (parseSpiffeId(id).trustDomain === trustDomain) return;
  throw new Fault(
    'invalid_input',
    `${id} is not of the trust domain ${trustDomain}, whose bundle would vouch for it.`,
  );
}

async function found(name: string, { partners }: Parts['store']): Promise<PartnerRecord> {
  const known = await partners.find(name);
  if (known) return known;
  throw new Fault('not_found', `No partner is named ${name}. See: countersign partner list`);
}

function requireSource({ name, source }: PartnerRecord): BundleSource {
  if (source) return source;
  throw new Fault(
    'invalid_input',
    `The bundle of ${name} came from a file. Give the new one: countersign partner add ${name} --replace …`,
  );
}

/** Puts a bundle that was fetched in force. Gives what was and what is. */
async function take(
  bundle: SpiffeBundle,
  asked: PartnerRecord,
  parts: Parts,
): Promise<readonly [PartnerRecord, PartnerRecord]> {
  const { name } = asked;
  let before = asked;
  const record = await parts.store.partners.put(name, (now, all) => {
    // Removed, or pointed elsewhere, while the bundle was on its way.
    if (!now || now.trustDomain !== asked.trustDomain || now.source?.url !== asked.source?.url) {
      throw new Fault('conflict', `The partner ${name} changed meanwhile.`);
    }
    before = now;
    const { sequence = now.sequence } = bundle.sequence === null ? {} : { sequence: bundle.sequence };
    if (sequence !== null && now.sequence !== null && sequence < now.sequence) {
      throw new Fault(
        'bundle_refused',
        `The bundle of ${name} has the sequence ${sequence}, and one with ${now.sequence} was seen before.`,
      );
    }
    const authorities = accepted(bundle, now, all, parts);
    const { refreshHint } = bundle;
    return { ...now, authorities, sequence, refreshHint, readAt: parts.clock.now() };
  });
  return [before, record];
}

/** The bundle that a partner begins with: at hand, or fetched. */
async function firstBundle(
  { bundle, authorities, source }: PartnerOrder,
  fetch: FetchBundle,
): Promise<SpiffeBundle> {
  if (bundle !== null && authorities !== null) {
    throw new Fault('invalid_input', 'Give either a bundle or certificates of authorities, not both.');
  }
  if (bundle !== null) return readSpiffeBundle(utf8(bundle));
  if (authorities !== null) {
    const certificates = decodePem(authorities, 'CERTIFICATE').map(readCertificate);
    return { authorities: certificates, sequence: null, refreshHint: null };
  }
  if (!source) throw new Fault('invalid_input', 'Give a bundle, certificates of authorities, or a URL.');
  if (source.known.by === 'spiffe') {
    throw new Fault(
      'invalid_input',
      'Whoever is known by a SPIFFE ID is known by a bundle: give the first one as a file.',
    );
  }
  return await fetch(source, []);
}

/** The authorities of a bundle that may vouch for a partner, in base64. Throws Fault `bundle_refused` or `conflict`. */
function accepted(
  bundle: SpiffeBundle,
  { name, trustDomain }: Pick<PartnerRecord, 'name' | 'trustDomain'>,
  all: All,
  { trustDomain: ours, own, clock }: Parts,
): readonly string[] {
  if (trustDomain === ours)
    throw new Fault('conflict', `${trustDomain} is the trust domain of this authority itself.`);
  const partners = all.filter((partner) => partner.name !== name);
  const taken = partners.find((partner) => partner.trustDomain === trustDomain);
  if (taken)
    throw new Fault('conflict', `The trust domain ${trustDomain} is that of the partner ${taken.name}.`);
  const others = [...own(), ...partners.flatMap(({ authorities }) => authorities.map(authorityOf))];
  const checked = checkPartnerAuthorities(bundle.authorities, { trustDomain, others, now: clock.now() });
  const distinct = checked.filter(
    (one, at) => checked.findIndex(({ der }) => equalBytes(der, one.der)) === at,
  );
  return distinct.map(({ der }) => toBase64(der)).sort();
}

/** An authority as a record keeps it. */
export function authorityOf(base64: string): Certificate {
  return readCertificate(fromBase64(base64) ?? new Uint8Array());
}

function summaryOf(record: PartnerRecord): {
  readonly authorities: readonly string[];
  readonly until: string;
} {
  return {
    authorities: record.authorities.map((one) => fingerprintOf(authorityOf(one))),
    until: new Date(trustEnds(record)).toISOString(),
  };
}
