import type { Check, Results } from './suite.ts';

/** How a run stands to what is expected of it. */
export interface Judged {
  readonly departures: readonly string[];
  readonly differences: readonly string[];
}

/** How many scenarios under `auth/` a set has; one that is not run any more would be missed. */
const scenarios = { requirements: 31, backcompat: 2 } as const;

/** Scenarios that the bridge does not pass, why, and the checks that fail. */
const departures: Readonly<Record<string, { readonly why: string; readonly failing: readonly string[] }>> = {
  'auth/client-credentials-jwt': {
    why: 'a machine has a certificate or a secret, no private_key_jwt (extension)',
    failing: ['client-credentials-assertion-type', 'client-credentials-jwt-verified'],
  },
  'auth/enterprise-managed-authorization': {
    why: 'the organisation is the business of the authority, not of a bridge (extension)',
    failing: ['complete-flow-jwt-bearer', 'complete-flow-token-exchange'],
  },
  'auth/dpop': {
    why: 'tokens are bound by certificate (extension)',
    failing: [
      'sep-1932-client-dpop-auth-scheme',
      'sep-1932-client-fresh-proof',
      'sep-1932-client-token-request-proof',
    ],
  },
  'auth/dpop-nonce': {
    why: 'tokens are bound by certificate (extension)',
    failing: [
      'sep-1932-client-as-nonce',
      'sep-1932-client-dpop-auth-scheme',
      'sep-1932-client-fresh-proof',
      'sep-1932-client-rs-nonce',
      'sep-1932-client-token-request-proof',
    ],
  },
  'auth/wif-jwt-bearer': {
    why: 'a workload has a certificate, got by its JWT at the authority (extension)',
    failing: ['wif-assertion-verified'],
  },
  'auth/2025-03-26-oauth-endpoint-fallback': {
    why: 'without metadata nothing says that PKCE is checked; no endpoint is guessed',
    failing: ['authorization-request', 'client-registration', 'token-request'],
  },
};

/** Every check has to succeed, but for the departures, which have to fail exactly as they are listed. */
export function judge(set: keyof typeof scenarios, results: Results): Judged {
  const differences: string[] = [];
  const expected: string[] = [];
  if (results.size !== scenarios[set]) {
    differences.push(`${results.size} scenarios ran, not ${scenarios[set]}`);
  }
  for (const [scenario, checks] of results) {
    const failed = failing(checks);
    const departure = departures[scenario];
    const wanted = departure?.failing ?? [];
    if (failed.join() !== [...wanted].toSorted().join()) {
      differences.push(
        `${scenario}: ${failed.join(', ') || 'nothing'} failed, not ${wanted.join(', ') || 'nothing'}`,
      );
    }
    if (departure) expected.push(`  ${scenario}: ${departure.why}`);
    if (!departure && !checks.some(({ status }) => status === 'SUCCESS')) {
      differences.push(`${scenario}: nothing was checked`);
    }
  }
  return { departures: expected, differences };
}

/** The ids of checks that did not succeed, each once, in order. */
function failing(checks: readonly Check[]): readonly string[] {
  const ids = checks
    .filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
    .map(({ name }) => name.split(' ')[0] ?? name);
  return [...new Set(ids)].toSorted();
}
