import { Fault } from '../../kernel/fault.ts';
import { answerJson, member, readObject } from './json-exchange.ts';
import { bodyLimit, type Holder, type Route } from './route.ts';

/** The authority as witness of the logs of gateways (C2SP tlog-witness below `/v1/witness`). */
export const witnessRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/v1\/witness$/,
    kinds: null,
    async answer({ exchange, authority: { witness } }) {
      await answerJson(exchange, { name: witness.name, key: witness.vkey });
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/witness\/logs$/,
    kinds: ['gateway'],
    async answer({ exchange, authority, holder }) {
      const input = await readObject(exchange);
      const [origin, publicKey] = [member(input, 'origin'), member(input, 'publicKey')];
      await authority.witness.introduce(nameOf(holder), origin, publicKey);
      await answerJson(exchange, {});
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/witness\/add-checkpoint$/,
    kinds: ['gateway'],
    async answer({ exchange, authority, holder }) {
      const text = Buffer.from(await exchange.body(bodyLimit)).toString('utf8');
      const { status, type, body } = await authority.witness.addCheckpoint(nameOf(holder), text);
      await exchange.respond(status, { 'content-type': type, 'cache-control': 'no-store' }, body);
    },
  },
];

function nameOf(holder: Holder | null): string {
  if (holder) return holder.caller.name;
  throw new Fault('certificate_required', 'This needs a certificate of a gateway.');
}
