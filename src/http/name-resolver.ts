import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { Fault } from '../kernel/fault.ts';

/** Names to addresses and texts, through the machine's resolver or through chosen servers. */
export interface NameResolver {
  /** For the options of a client. */
  readonly lookup: LookupFunction;
  /** The TXT records of a name, each joined to one text; none when there is no such name. Throws Fault `unavailable`, `timed_out`. */
  texts(name: string): Promise<readonly string[]>;
}

/**
 * `servers` are `address` or `address:port`; with none of them, addresses come from the machine's own lookup (its hosts
 * file too) and texts from its name servers. A question takes `milliseconds` at most, twice.
 */
export function createNameResolver(servers: readonly string[], milliseconds = 3_000): NameResolver {
  const resolver = new Resolver({ timeout: milliseconds, tries: 2 });
  if (servers.length > 0) resolver.setServers(servers);
  return {
    lookup: servers.length > 0 ? lookupThrough(resolver) : systemLookup,
    async texts(name) {
      try {
        return (await resolver.resolveTxt(name)).map((parts) => parts.join(''));
      } catch (error) {
        if (nothingThere.includes(codeOf(error))) return [];
        const code = codeOf(error) === 'ETIMEOUT' ? 'timed_out' : 'unavailable';
        throw new Fault(code, `${name} cannot be looked up (${codeOf(error)}).`, { cause: error });
      }
    },
  };
}

const nothingThere = ['ENOTFOUND', 'ENODATA'];

function lookupThrough(resolver: Resolver): LookupFunction {
  const ask = callbackify((hostname: string) => addressesOf(resolver, hostname));
  return (hostname, options, callback) => {
    ask(hostname, (error, found) => {
      const [first] = found ?? [];
      if (error || !first || options.all) callback(error, found ?? []);
      else callback(null, first.address, first.family);
    });
  };
}

/** All addresses; an error only when there are none. */
async function addressesOf(resolver: Resolver, hostname: string): Promise<LookupAddress[]> {
  const literal = isIP(hostname);
  if (literal !== 0) return [{ address: hostname, family: literal }];
  const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const found = [...listed(four, 4), ...listed(six, 6)];
  const trouble = [four, six].find(
    (answer) => answer.status === 'rejected' && !nothingThere.includes(codeOf(answer.reason)),
  );
  if (found.length === 0 && trouble?.status === 'rejected') throw trouble.reason;
  return found;
}

function listed(answer: PromiseSettledResult<readonly string[]>, family: 4 | 6): LookupAddress[] {
  return answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family })) : [];
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
