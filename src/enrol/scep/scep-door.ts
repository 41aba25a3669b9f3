import { createBoundedRecord } from '../../audit/bounded-record.ts';
import type { Exchange } from '../../http/exchange.ts';
import { answerProblem } from '../../http/problem.ts';
import { fromBase64 } from '../../kernel/bytes.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { certsOnly } from '../../x509/certs-only.ts';
import { createMessageBudget } from './message-budget.ts';
import { pkiOperation } from './pki-operation.ts';
import { greatestMessage } from './pki-message.ts';
import type { ScepParts } from './scep-parts.ts';

/** The SCEP door (RFC 8894), at `/scep`. */
export interface ScepDoor extends AsyncDisposable {
  /** Whether a path is the door's. */
  serves(path: string): boolean;
  answer(exchange: Exchange): Promise<void>;
}

/** What `app` gives the door. */
export type ScepDoorOptions = Omit<ScepParts, 'strangers' | 'running'>;

export function openScepDoor(options: ScepDoorOptions): ScepDoor {
  const strangers = createBoundedRecord(options.ca.audit, { type: 'scep-messages.refused' });
  const parts: ScepParts = { ...options, strangers, running: new Map() };
  const takeOne = createMessageBudget(options.ca.clock);
  return {
    serves: (path) => path === '/scep',
    async answer(exchange) {
      try {
        await answer(exchange, parts, takeOne);
      } catch (error) {
        if (!exchange.answered) await answerProblem(exchange, toFault(error));
      }
    },
    [Symbol.asyncDispose]: () => strangers[Symbol.asyncDispose](),
  };
}

async function answer(exchange: Exchange, parts: ScepParts, takeOne: () => void): Promise<void> {
  const operation = exchange.query.get('operation');
  switch (operation) {
    case 'GetCACaps':
      return await respond(exchange, 'text/plain', capabilities(parts));
    case 'GetCACert':
      // RFC 8894 §4.2.1.2: more than one certificate, because whom clients talk to is not who issues.
      return await respond(exchange, 'application/x-x509-ca-ra-cert', authorities(parts));
    case 'PKIOperation': {
      takeOne();
      const octets = await readMessage(exchange);
      const reply = await pkiOperation(octets, exchange.connection.address, parts);
      return await respond(exchange, 'application/x-pki-message', reply);
    }
    default:
      throw new Fault('not_found', 'SCEP here has the operations GetCACaps, GetCACert and PKIOperation.');
  }
}

/** RFC 8894 §3.5.2. In this order: strongSwan reads them no other way. */
function capabilities({ legacy }: ScepParts): string {
  const list = [
    ...(legacy ? ['SHA-1'] : []),
    'SHA-256',
    'SHA-384',
    'SHA-512',
    'AES',
    ...(legacy ? ['DES3'] : []),
    'POSTPKIOperation',
    'Renewal',
    'SCEPStandard',
  ];
  return `${list.join('\n')}\n`;
}

function authorities({ registration, ca }: ScepParts): Uint8Array {
  return certsOnly([registration().certificate, ...ca.issuer.chain.map(({ der }) => der)]);
}

/** RFC 8894 §4.1: the body of a POST, or base64 in the query of a GET. */
async function readMessage(exchange: Exchange): Promise<Uint8Array> {
  if (exchange.method === 'POST') {
    return await exchange.body({ bytes: greatestMessage, milliseconds: 10_000 });
  }
  if (exchange.method !== 'GET') {
    throw new Fault('method_not_allowed', 'A SCEP message comes by POST, or by GET in the query.');
  }
  // Some clients write base64 into the query as it is, where a plus sign means a space.
  const text = (exchange.query.get('message') ?? '').replaceAll(' ', '+');
  const octets = fromBase64(text);
  if (octets && octets.length > 0) return octets;
  throw new Fault('request_invalid', 'The query has no message in base64.');
}

async function respond(exchange: Exchange, type: string, body: Uint8Array | string): Promise<void> {
  await exchange.respond(200, { 'content-type': type, 'cache-control': 'no-store' }, body);
}
