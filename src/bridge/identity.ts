import type { Clock } from '../kernel/clock.ts';
import { readPrivateFile } from '../kernel/durable-file.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { type Credentials, readCredentials } from './credentials.ts';
import { enrol, type Enrolment } from './enrol.ts';
import { readRoots } from './first-roots.ts';
import { createKeyStore, fileVersion, type KeyStore } from './key-store.ts';
import type { BridgeLimits } from './limits.ts';
import { renewStored } from './renew-stored.ts';
import { type PlaceQuestion, statePlace } from './state-place.ts';

/** Who the bridge is, as the files say now. */
export interface Identity {
  /** The newest credentials; files that do not load leave the last ones in use. */
  current(): Promise<Credentials>;
  /** Looks at the files again at the next use. */
  refresh(): void;
  /** Where renewed credentials go; null when somebody else keeps them. */
  readonly store: KeyStore | null;
}

/** Everything that decides who the bridge is. */
export interface IdentityOptions extends Enrolment, PlaceQuestion {
  readonly authority: string | null;
  readonly agent: string | null;
  readonly limits: BridgeLimits;
  readonly log: (line: string) => void;
}

/**
 * The identity of the environment's files, or the stored one, or a new one. Throws Fault `certificate_expired`,
 * `conflict`, `config_invalid`, `file_mode`, … or what `enrol` throws.
 */
export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const named = namedFiles(options);
  if (named) {
    const load = (): Promise<Credentials> => loadNamed(named);
    const version = (): Promise<string> => fileVersion(Object.values(named).filter((path) => path !== null));
    const before = await version();
    const first = await load();
    if (options.clock.now() > first.leaf.notAfter) throw expired(first, named.certificate);
    return watched({ first, before, load, version, store: null, options });
  }
  const store = createKeyStore(statePlace(options), options.clock);
  const load = async (): Promise<Credentials> => {
    const stored = await store.load();
    if (!stored) throw new Fault('not_found', `The identity in ${store.folder} is gone.`);
    return withRoots(stored, options);
  };
  const before = await store.version();
  const first = await withRoots(await firstStored(store, options), options);
  const { agent } = options;
  if (agent !== null && first.leaf.commonName !== agent) {
    throw new Fault(
      'conflict',
      `${store.folder} holds the certificate of ${first.leaf.commonName}, not of ${agent}. Choose another --state.`,
    );
  }
  return watched({ first, before, load, version: store.version, store, options });
}

async function firstStored(store: KeyStore, options: IdentityOptions): Promise<Credentials> {
  const stored = await store.load();
  if (stored && options.clock.now() <= stored.leaf.notAfter) return stored;
  if (stored && options.joinToken === null) return await renewEnded(stored, store, options);
  return await enrol(store, options);
}

/** The authority may have a grace for certificates that have ended. */
async function renewEnded(
  stored: Credentials,
  store: KeyStore,
  options: IdentityOptions,
): Promise<Credentials> {
  const { authority, authorityFile, clock } = options;
  if (authority === null) throw expired(stored, store.folder);
  const current = await withRoots(stored, options);
  const renewal = { store, authority, fixedRoots: authorityFile !== null, clock };
  try {
    await renewStored(renewal, current, AbortSignal.timeout(renewalMilliseconds));
    const renewed = await store.load();
    if (renewed && clock.now() <= renewed.leaf.notAfter) return renewed;
  } catch (cause) {
    throw expired(stored, store.folder, cause);
  }
  throw expired(stored, store.folder);
}

/** How long a start waits for a renewal, another bridge's included. */
const renewalMilliseconds = 30_000;

function expired({ leaf }: Credentials, place: string, cause?: unknown): Fault {
  const why = cause === undefined ? '' : ` and was not renewed: ${errorText(cause)}`;
  const advice =
    'Log in again (countersign login), or start once with --join-token-file and a new join token.';
  const ended = new Date(leaf.notAfter).toISOString();
  return new Fault(
    'certificate_expired',
    `The certificate in ${place} ended at ${ended}${why || '.'} ${advice}`,
    {
      cause,
    },
  );
}

/** Roots named on the command line are the ones that are trusted. */
async function withRoots(credentials: Credentials, options: IdentityOptions): Promise<Credentials> {
  return options.authorityFile === null
    ? credentials
    : { ...credentials, roots: await readRoots(options.authorityFile) };
}

interface NamedFiles {
  readonly certificate: string;
  readonly key: string;
  readonly roots: string | null;
}

function namedFiles({ environment, authorityFile }: IdentityOptions): NamedFiles | null {
  const {
    MCP_CLIENT_CERT: certificate = '',
    MCP_CLIENT_KEY: key = '',
    MCP_CA_CERT: roots = '',
  } = environment;
  if (certificate === '' && key === '') return null;
  if (certificate === '' || key === '') {
    throw new Fault('config_invalid', 'MCP_CLIENT_CERT and MCP_CLIENT_KEY go together; only one is set.');
  }
  return { certificate, key, roots: authorityFile ?? (roots === '' ? null : roots) };
}

async function loadNamed(files: NamedFiles): Promise<Credentials> {
  const key = Buffer.from(await readPrivateFile(files.key)).toString('utf8');
  const certificate = await readRoots(files.certificate);
  const roots = files.roots === null ? null : await readRoots(files.roots);
  return readCredentials({ certificate, key, roots }, files.certificate);
}

/** Loads again what changed, whoever changed it: we, another bridge of this agent, an administrator. */
function watched(watch: {
  readonly first: Credentials;
  readonly before: string;
  readonly load: () => Promise<Credentials>;
  readonly version: () => Promise<string>;
  readonly store: KeyStore | null;
  readonly options: {
    readonly clock: Clock;
    readonly limits: BridgeLimits;
    readonly log: (line: string) => void;
  };
}): Identity {
  const { clock, limits, log } = watch.options;
  let held = watch.first;
  let version = watch.before;
  let lookedAt = clock.monotonic();
  let told = '';

  const look = async (): Promise<void> => {
    const now = await watch.version();
    if (now === version) return;
    try {
      held = await watch.load();
      version = now;
      told = '';
    } catch (error) {
      const line = `The identity on disk cannot be used, the last one stays in use: ${errorText(error)}`;
      if (line !== told) log(line);
      told = line;
    }
  };

  return {
    store: watch.store,
    async current() {
      if (clock.monotonic() - lookedAt >= limits.reloadMilliseconds) {
        lookedAt = clock.monotonic();
        await look();
      }
      return held;
    },
    refresh() {
      lookedAt = Number.NEGATIVE_INFINITY;
    },
  };
}
