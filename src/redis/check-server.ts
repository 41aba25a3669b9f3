/** What a server says of itself (`INFO`), by name. */
export type ServerFacts = ReadonlyMap<string, string>;

/** Reads the answer to `INFO`. */
export function readFacts(text: string): ServerFacts {
  const pairs = text.split(/\r?\n/).flatMap((line) => {
    const colon = line.indexOf(':');
    return line.startsWith('#') || colon < 1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
  });
  return new Map(pairs);
}

/** Why a server cannot be relied on to remember, or null. */
export function unfitness(facts: ServerFacts): string | null {
  const [major = 0, minor = 0] = (facts.get('redis_version') ?? '').split('.').map(Number);
  if (!(major > 6 || (major === 6 && minor >= 2))) {
    return `it speaks as Redis ${facts.get('redis_version') ?? 'of no version'}, and 6.2 or newer is needed`;
  }
  if (facts.get('loading') === '1') return 'it is still loading its data';
  if (facts.get('role') !== 'master') return 'it is a replica, which takes no writes';
  if (facts.get('cluster_enabled') === '1') return 'it is part of a Redis Cluster, which is not supported';
  const policy = facts.get('maxmemory_policy') ?? '';
  if (Number(facts.get('maxmemory') ?? '0') > 0 && policy !== 'noeviction') {
    // What is thrown out early could be used again.
    return `it throws out keys when it is full (maxmemory-policy ${policy}); set noeviction`;
  }
  return null;
}
