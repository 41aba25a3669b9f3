import { rememberedFor } from '../../kernel/remembered-for.ts';
import { hasReference } from '../../secrets/reference.ts';
import type { ServerDefinition } from '../../upstream/server-definition.ts';
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

/** How the gateway shows a server who it is, as records say it; null where it shows nothing of the kind. */
export function credentialKind(view: Pick<RegistryView, 'servers'>, server: string): string | null {
  const definition = view.servers().get(server);
  const kind = definition ? kindOf(definition) : 'none';
  return kind === 'none' ? null : kind;
}

const kindOf = rememberedFor((definition: ServerDefinition): string => {
  if (definition.transport !== 'stdio' && definition.credential) return definition.credential.kind;
  const shown = definition.transport === 'stdio' ? definition.environment : definition.headers;
  return Object.values(shown).some(hasReference) ? 'secret' : 'none';
});
