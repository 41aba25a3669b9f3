import { spawnSync } from 'node:child_process';
import { startTcpProxy } from './tcp-proxy.ts';

/** The way from one gateway to the authority, which a test can break. */
export interface Link {
  /** Where the authority is reached over it. */
  readonly host: string;
  /** Nothing gets through, and nobody is told. */
  partition(): void;
  heal(): void;
  /** So many of a hundred packets are lost in each direction; null where links lose none. */
  readonly lose: ((percent: number) => void) | null;
}

/** Ways to an authority in a network of its own. */
export interface Links extends AsyncDisposable {
  /** `namespaces` where this machine has them, else `proxies`. */
  readonly kind: 'namespaces' | 'proxies';
  readonly links: readonly Link[];
  /** A way that no test breaks, for administration. */
  readonly quiet: string;
  /** Words that start a program within the network of the authority. */
  readonly within: readonly string[];
  /** The addresses where the authority has to listen. */
  readonly addresses: readonly string[];
  /** The address of the authority for who uses that link. */
  urlOf(link: Link, port: number): Promise<string>;
}

/**
 * So many links, as pairs of virtual interfaces into a network namespace of this test's own, cut by its packet filter. Where
 * the machine gives no namespaces or no filter, as proxies that are cut.
 */
export async function openLinks(count: number): Promise<Links> {
  const name = `cs-${process.pid}-${Date.now() % 100_000}`;
  return canSeparate(name) ? openNamespace(name, count) : openProxies(count);
}

function openNamespace(name: string, count: number): Links {
  const undo = new AsyncDisposableStack();
  run('ip', 'netns', 'add', name);
  undo.defer(() => run('ip', 'netns', 'delete', name));
  inside(name, 'ip', 'link', 'set', 'lo', 'up');
  // A /30 of its own for each link; the numbers are drawn, so that test files beside each other hardly meet.
  const net = 64 + Math.floor(Math.random() * 190);
  const host = (at: number, end: 1 | 2): string => `10.${net}.${at}.${end}`;
  const interfaceOf = (at: number): string => `cs${process.pid % 10_000}-${at}`;
  for (let at = 0; at <= count; at += 1) {
    const mine = interfaceOf(at);
    run('ip', 'link', 'add', mine, 'type', 'veth', 'peer', 'name', `v${at}`, 'netns', name);
    run('ip', 'address', 'add', `${host(at, 1)}/30`, 'dev', mine);
    run('ip', 'link', 'set', mine, 'up');
    inside(name, 'ip', 'address', 'add', `${host(at, 2)}/30`, 'dev', `v${at}`);
    inside(name, 'ip', 'link', 'set', `v${at}`, 'up');
  }
  inside(name, 'nft', 'add', 'table', 'inet', 'faults');
  const chains = { input: 'iifname', output: 'oifname' };
  for (let at = 1; at <= count; at += 1) {
    for (const hook of Object.keys(chains)) {
      const kind = `{ type filter hook ${hook} priority ${at}; }`;
      inside(name, 'nft', 'add', 'chain', 'inet', 'faults', `${hook}${at}`, kind);
    }
  }
  const rules = (at: number, verdict: readonly string[] | null): void => {
    for (const [hook, side] of Object.entries(chains)) {
      inside(name, 'nft', 'flush', 'chain', 'inet', 'faults', `${hook}${at}`);
      if (!verdict) continue;
      inside(name, 'nft', 'add', 'rule', 'inet', 'faults', `${hook}${at}`, side, `v${at}`, ...verdict);
    }
  };
  const links = Array.from({ length: count }, (_, index): Link => {
    const at = index + 1;
    return {
      host: host(at, 2),
      partition: () => rules(at, ['drop']),
      heal: () => rules(at, null),
      lose: (percent) => rules(at, ['numgen', 'random', 'mod', '100', '<', String(percent), 'drop']),
    };
  });
  return {
    kind: 'namespaces',
    links,
    quiet: host(0, 2),
    within: ['ip', 'netns', 'exec', name],
    addresses: Array.from({ length: count + 1 }, (_, at) => host(at, 2)),
    urlOf: async (link, port) => `https://${link.host}:${port}`,
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}

function openProxies(count: number): Links {
  const undo = new AsyncDisposableStack();
  const wanted = new Map<Link, 'black-hole' | 'clear'>();
  const acts = new Map<Link, (kind: 'black-hole' | 'clear') => void>();
  const links = Array.from({ length: count }, (): Link => {
    const become = (kind: 'black-hole' | 'clear'): void => {
      wanted.set(link, kind);
      acts.get(link)?.(kind);
    };
    const link: Link = {
      host: '127.0.0.1',
      partition: () => become('black-hole'),
      heal: () => become('clear'),
      lose: null,
    };
    return link;
  });
  return {
    kind: 'proxies',
    links,
    quiet: '127.0.0.1',
    within: [],
    addresses: [],
    async urlOf(link, port) {
      const proxy = undo.use(await startTcpProxy({ port }));
      acts.set(link, (kind) => (proxy.weather = { kind }));
      proxy.weather = { kind: wanted.get(link) ?? 'clear' };
      return `https://127.0.0.1:${proxy.port}`;
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}

/** Whether this machine lets us have namespaces, virtual interfaces and a filter that loses packets. */
function canSeparate(name: string): boolean {
  const tried = `${name}-try`;
  const filter = 'add rule inet t c numgen random mod 100 < 1 drop';
  const all = [
    `ip netns add ${tried}`,
    `ip link add ${tried.slice(-12)} type veth peer name v0 netns ${tried}`,
    `ip netns exec ${tried} nft add table inet t`,
    `ip netns exec ${tried} nft add chain inet t c`,
    `ip netns exec ${tried} nft '${filter}'`,
  ];
  const works = spawnSync('sh', ['-c', all.join(' && ')]).status === 0;
  spawnSync('ip', ['netns', 'delete', tried]);
  return works;
}

function inside(name: string, ...words: readonly string[]): void {
  run('ip', 'netns', 'exec', name, ...words);
}

function run(...words: readonly string[]): void {
  const [command = '', ...rest] = words;
  const { status, stderr } = spawnSync(command, rest, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
}
