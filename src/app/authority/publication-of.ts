import type { Issuer } from '../../ca/issuer.ts';
import { type PublicationUrls, publicationUrls } from '../../ca/publication-urls.ts';
import type { Store } from '../store/store.ts';

/** What certificates say of their publication, the same from the listener and from commands run without one. */
export async function publicationOf(
  { meta }: Store,
  said: string | undefined,
): Promise<(issuer: Issuer) => PublicationUrls | null> {
  if (said !== undefined) await meta.set('public-url', said);
  const url = said ?? (await meta.get('public-url')) ?? '';
  return ({ certificate }) => (url === '' ? null : publicationUrls(url, certificate));
}
