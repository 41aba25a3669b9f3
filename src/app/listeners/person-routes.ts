import { answerJson, member, readObject } from './json-exchange.ts';
import type { Route } from './route.ts';

/** The door of people: where they log in, and what their login gives. `docs/guides/login.md`. */
export const personRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/v1\/enrol\/person$/,
    kinds: null,
    async answer({ exchange, authority }) {
      const providers = await authority.people.offers();
      await answerJson(exchange, {
        providers: providers.map((each) => ({ ...each, scopes: [...each.scopes] })),
      });
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/enrol\/person$/,
    kinds: null,
    async answer({ exchange, authority }) {
      const input = await readObject(exchange);
      const { address } = exchange.connection;
      const agent = input['agent'] === undefined ? null : member(input, 'agent');
      const order = { token: member(input, 'token'), csr: member(input, 'csr'), agent, address };
      await answerJson(exchange, { ...(await authority.enrolPerson(order)) });
    },
  },
];
