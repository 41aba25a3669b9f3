import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { foreignCertificate } from './another-authority.ts';
import type { Narrator } from './narrator.ts';
import { type Place, presentedFrom } from './place.ts';
import { openRawSession, post, rawInitialize } from './raw-request.ts';
import type { Listening } from './stage.ts';
import type { Thief } from './stolen-token.ts';

/** Step: the same request without a certificate, and with one of another authority. */
export async function turnStrangersAway(place: Place, listening: Listening, say: Narrator): Promise<void> {
  say.step('Strangers are turned away before they can say a word of MCP');
  const url = `${listening.agents}/mcp/everything`;
  const ca = readFileSync(join(place.data, 'root.pem'), 'utf8');
  const none = await rawInitialize(url, { ca });
  say.fact(`without a certificate: ${none.failure ?? none.status}`);
  say.check('no certificate, no connection', none.status === null);
  const stranger = await rawInitialize(url, await foreignCertificate('tour', ca));
  say.fact(`with another authority's certificate for the same name: ${stranger.failure ?? stranger.status}`);
  say.check('another authority, no connection', stranger.status === null);
}

/** Step: a certificate is revoked while it is in use; how long until it is refused, and its live stream cut. */
export async function revokeInUse(
  place: Place,
  listening: Listening,
  { serial, presented: thief }: Thief,
  say: Narrator,
): Promise<void> {
  say.step('Revocation: a stolen certificate dies while it is in use');
  const url = `${listening.agents}/mcp/everything`;
  const ca = readFileSync(join(place.data, 'root.pem'), 'utf8');
  const session = await openRawSession(url, thief);
  say.check('before: the session answers and its live stream is open', (await session.ping()).status === 200);

  const began = performance.now();
  const cut = session.streamCut.then(() => performance.now() - began);
  const order = post(
    `${listening.authority}/v1/admin/certificate.revoke`,
    presentedFrom(join(place.data, 'admin'), ca),
    false,
    { serial, reason: 'stolen' },
    {},
  );
  let answer = await session.ping();
  while (answer.status === 200 && performance.now() - began < 5_000) answer = await session.ping();
  const refusedAfter = performance.now() - began;
  const cutAfter = await Promise.race([cut, later(5_000)]);
  say.fact(`revoked by the administrator: HTTP ${(await order).status}`);
  say.fact(`until the first refusal: ${refusedAfter.toFixed(0)} ms (${answer.failure ?? answer.status})`);
  say.fact(`until the end of the live stream: ${cutAfter.toFixed(0)} ms`);
  say.check('refused within a second', answer.status !== 200 && refusedAfter < 1_000);
  say.check('the live stream was cut within a second', cutAfter < 1_000);
  const again = await rawInitialize(url, thief);
  say.fact(`a new connection: ${again.failure ?? `HTTP ${again.status} ${again.body}`}`);
  say.check('a new connection is refused too', again.status === null || again.status === 403);
  session.close();
}

function later(milliseconds: number): Promise<number> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(milliseconds), milliseconds).unref();
  });
}
