import type { BundleSource } from '../../identity/partner-record.ts';
import { createClient } from '../../http/fetch.ts';
import { fromBase64 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { onlySpiffeId } from '../../x509/leaf-profile.ts';
import { encodePem } from '../../x509/pem.ts';
import { greatestBundle, readSpiffeBundle, type SpiffeBundle } from '../../x509/spiffe-bundle.ts';

const limits = { connectMilliseconds: 5_000, totalMilliseconds: 10_000, bodyBytes: greatestBundle };

/** How a bundle is fetched; see `fetchBundle`. */
export type FetchBundle = (source: BundleSource, trusted: readonly string[]) => Promise<SpiffeBundle>;

/**
 * The bundle at a URL. `trusted`: the authorities (base64 DER) that the partner has now, for one who is known by a SPIFFE
 * ID. Throws Fault `address_refused`, `unavailable`, `timed_out`, `too_large`, `gateway_untrusted`, `bundle_refused`.
 */
export async function fetchBundle(source: BundleSource, trusted: readonly string[]): Promise<SpiffeBundle> {
  const { url, known, privateAddresses } = source;
  await using client = createClient({
    tls: known.by === 'web' ? webTls(known.authorities) : spiffeTls(known.id, trusted),
    addressGuard: privateAddresses ? 'any' : 'public-only',
    limits,
  });
  const { status, body } = await client.request({
    method: 'GET',
    url,
    headers: { accept: 'application/json' },
  });
  if (status !== 200) throw new Fault('unavailable', `${new URL(url).origin} answered with HTTP ${status}.`);
  return readSpiffeBundle(body);
}

type ClientTls = NonNullable<Parameters<typeof createClient>[0]['tls']>;

function webTls(authorities: string | null): ClientTls {
  return authorities === null ? {} : { authorities };
}

// SPIFFE Federation §5.2.2: by the SPIFFE ID alone, whatever the host is called.
function spiffeTls(id: string, trusted: readonly string[]): ClientTls {
  return {
    authorities: trusted.map((one) => encodePem('CERTIFICATE', fromBase64(one) ?? new Uint8Array())).join(''),
    anyHost: true,
    inspect(der) {
      const { uri } = onlySpiffeId(readCertificate(der));
      if (uri === id) return;
      throw new Fault('certificate_profile', `Whoever answers is ${uri}, not ${id}.`);
    },
  };
}
