import type { RegistryView } from '../feed/registry-view.ts';

/** Whether a server asks for signed calls; '' for all together, which do as soon as one of them does. */
export function asksForSignature(
  view: Pick<RegistryView, 'signingServers' | 'servers'>,
  server: string,
): boolean {
  const signing = view.signingServers();
  if (server !== '') return signing.has(server);
  for (const name of signing) if (view.servers().has(name)) return true;
  return false;
}

/** How the gateway gets its token for a server, as records say it; null where it gets none. */
export function credentialKind(view: Pick<RegistryView, 'servers'>, server: string): string | null {
  const definition = view.servers().get(server);
  return definition?.transport === 'http' ? (definition.credential?.kind ?? null) : null;
}
