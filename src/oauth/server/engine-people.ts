import { type Configuration, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import { deviceCodePage, deviceConfirmPage, deviceDonePage, oauthErrorPage } from './device-pages.ts';
import { HandedRequest, type HeldPage } from './handed-request.ts';

const { Check, Prompt } = interactionPolicy;

/**
 * When a person is asked: always. No answer of before counts for another request, whichever client comes with it, and
 * who is signed in is told by the pages of people, not by a session of the engine.
 */
export function askAlways(): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  policy.clear();
  policy.add(new Prompt({ name: 'login', requestable: true }));
  policy.add(
    new Prompt(
      { name: 'consent', requestable: true },
      new Check('unanswered', 'the person has to agree', 'interaction_required', ({ oidc }) => {
        const { login, consent } = oidc.result ?? {};
        return login === undefined || consent === undefined;
      }),
    ),
  );
  return policy;
}

type DeviceFlow = NonNullable<NonNullable<Configuration['features']>['deviceFlow']>;

/** The device flow (RFC 8628) with pages of our own; the person types the code, or follows a link that has it. */
export const deviceFlow: DeviceFlow = {
  enabled: true,
  // RFC 8628 §6.1: no vowels, so no words; 20^8 codes that live for ten minutes.
  charset: 'base-20',
  mask: '****-****',
  // Addresses and programs of people are nobody's business.
  deviceInfo: () => ({}),
  userCodeInputSource(ctx, _form, _out, error) {
    const problem = error === undefined ? null : problemOf(error);
    const body = deviceCodePage({ xsrf: xsrfOf(ctx), code: userCodeOf(ctx), problem });
    // The engine itself fails after a form without its cookie; the person is told what is wrong all the same.
    show(ctx, { title: 'Enter a code', body, status: problem === null ? 200 : 400 });
  },
  userCodeConfirmSource(ctx, _form, client, _device, code) {
    const { clientId, clientName } = client;
    const body = deviceConfirmPage({ xsrf: xsrfOf(ctx), code, client: clientName ?? clientId });
    show(ctx, { title: 'Is this the code?', body, status: 200 });
  },
  successSource(ctx) {
    show(ctx, { title: 'Done', body: deviceDonePage(), status: 200 });
  },
};

/** What went wrong, for a person: only where there is no client to be told. */
export async function renderError(
  ctx: KoaContextWithOIDC,
  { error, error_description }: { readonly error: string; readonly error_description?: string | undefined },
): Promise<void> {
  const body = oauthErrorPage(error, error_description ?? '');
  show(ctx, { title: 'That did not work', body, status: ctx.status });
}

function show(ctx: KoaContextWithOIDC, page: HeldPage): void {
  if (ctx.req instanceof HandedRequest) ctx.req.page = page;
  // Something has to be there, or the engine takes the request for unanswered.
  ctx.body = page.title;
}

function xsrfOf({ oidc }: KoaContextWithOIDC): string {
  const { secret } = (oidc.session?.state ?? {}) as { readonly secret?: string };
  return secret ?? '';
}

function userCodeOf({ req }: KoaContextWithOIDC): string {
  return req instanceof HandedRequest ? req.userCode : '';
}

function problemOf(error: object): string {
  const { name } = error as { readonly name?: string };
  switch (name) {
    case 'NoCodeError':
      return 'Type the code that the program shows.';
    case 'AbortedError':
      return 'You did not agree. The program gets nothing.';
    case 'NotFoundError':
    case 'ExpiredError':
    case 'AlreadyUsedError':
      return 'This code is wrong, or over, or was used. Begin again in the program that showed it.';
    default:
      return 'That did not work. Begin again in the program that showed the code.';
  }
}
