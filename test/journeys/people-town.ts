import { Agent, fetch, type RequestInit, type Response } from 'undici';
import type { Town } from './deployment.ts';
import { SoftPasskey } from './soft-passkey.ts';

/** A browser at the `people` listener of a town, with cookies and one passkey. */
export interface PasskeyBrowser extends AsyncDisposable {
  readonly origin: string;
  readonly passkey: SoftPasskey;
  /** By name; to be changed at will. */
  readonly cookies: Map<string, string>;
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** As the script of a page asks. */
  post(path: string, body: object): Promise<Response>;
  /** Enrols the passkey with the link of an invitation; the last answer. */
  enrol(link: string, name?: string): Promise<Response>;
  signIn(): Promise<Response>;
}

export function openPasskeyBrowser(town: Town): PasskeyBrowser {
  const origin = `https://localhost:${town.deployment.listeners['people']?.port}`;
  const dispatcher = new Agent({ connect: { ca: town.deployment.authority.describe().roots } });
  const cookies = new Map<string, string>();
  const passkey = new SoftPasskey(origin);
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(path, origin), {
      redirect: 'manual',
      ...init,
      headers: { ...(cookie !== '' && { cookie }), ...(init.headers as Record<string, string>) },
      dispatcher,
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/Max-Age=0/.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  };
  const post = (path: string, body: object): Promise<Response> =>
    ask(path, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const options = async (response: Response): Promise<Parameters<SoftPasskey['create']>[0]> =>
    (await response.json()) as Parameters<SoftPasskey['create']>[0];
  return {
    origin,
    passkey,
    cookies,
    ask,
    post,
    async enrol(link, name) {
      const order = { secret: new URL(link).hash.slice(1), name: name ?? null };
      await (await ask('/enrol')).text();
      const begun = await post('/enrol/begin', order);
      if (!begun.ok) return begun;
      return await post('/enrol/finish', { ...order, answer: passkey.create(await options(begun)) });
    },
    async signIn() {
      await (await ask('/sign-in')).text();
      const asked = await options(await post('/sign-in/begin', {}));
      return await post('/sign-in/finish', { answer: passkey.get(asked), onward: '/me' });
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
}
