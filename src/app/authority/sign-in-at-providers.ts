import { hkdfSync, type KeyObject } from 'node:crypto';
import type { SignInDoor } from '../../enrol/sign-in/sign-in-door.ts';
import type { UpstreamProvider } from '../../enrol/sign-in/upstream.ts';
import type { Clock } from '../../kernel/clock.ts';
import { createSeal } from '../../kernel/seal.ts';
import type { PeopleDoor } from '../../oauth/people/people-door.ts';
import type { Redactor } from '../../secrets/redact.ts';
import { createSecretResolver } from '../../secrets/resolve.ts';
import type { ConfiguredProvider } from '../config/people-file.ts';
import type { Store } from '../store/store.ts';
import type { TokenIssuersFile } from './token-issuers-file.ts';

/** Signing in at the providers of `people.yaml` that have pages. */
export function signInAtProviders(parts: {
  readonly providers: TokenIssuersFile<ConfiguredProvider>;
  readonly people: PeopleDoor;
  readonly store: Pick<Store, 'people'>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly redactor: Redactor;
  readonly key: KeyObject;
  readonly clock: Clock;
}): SignInDoor {
  const { providers, people, store, environment, redactor, key, clock } = parts;
  const secrets = createSecretResolver({ environment, redactor, clock });
  const material = key.export({ type: 'pkcs8', format: 'der' });
  const root = new Uint8Array(hkdfSync('sha256', material, '', 'countersign sign-in at a provider', 32));
  const find = async (
    wanted: (provider: ConfiguredProvider) => boolean,
  ): Promise<UpstreamProvider | null> => {
    const provider = (await providers.list()).find((each) => each.pages !== null && wanted(each));
    if (!provider?.pages) return null;
    const { pages } = provider;
    return {
      provider: { ...provider, pages },
      http: await providers.clientOf(provider),
      secret: () => secrets.resolve(pages.secret ?? ''),
    };
  };
  return {
    people,
    upstream: (name) => find((provider) => provider.name === name),
    upstreamOf: (issuer) => find((provider) => provider.issuer === issuer),
    keysOf: ({ provider }, kid) => providers.keysOf(provider, kid),
    logins: store.people,
    seal: createSeal(root),
    clock,
  };
}
