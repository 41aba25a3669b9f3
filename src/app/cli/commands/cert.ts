import { generateKeyPairSync } from 'node:crypto';
import { resolve } from 'node:path';
import { isJsonObject, type Json } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import { encodePem } from '../../../x509/pem.ts';
import { buildRequest } from '../../../x509/request.ts';
import { renewRemotely } from '../../admin/remote-renewal.ts';
import { readIdentityFolder, writeIdentityFolder } from '../../authority/identity-folder.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { wholeMinutes } from '../flag-value.ts';
import { formatTable } from '../format-table.ts';
import { administer, administrationFlags } from './administration.ts';
import { code, reason, why } from './revoke.ts';
import { describe, rows } from './show-json.ts';

const kinds = ['agent', 'ephemeral', 'server', 'gateway', 'admin'] as const;
const serial = { name: 'serial', meaning: 'the serial number, in hex', count: 'one' } as const;

/** The commands about certificates. */
export const certCommands: readonly Command[] = [
  {
    path: ['cert', 'issue'],
    summary: 'Make a key here and have a certificate issued for it',
    example: 'countersign cert issue files --kind server --dns files.example.internal --out ./files-identity',
    flags: [
      {
        name: 'kind',
        kind: 'text',
        meaning: 'what the certificate is for',
        choices: kinds,
        default: 'agent',
      },
      {
        name: 'out',
        kind: 'text',
        placeholder: 'folder',
        meaning: 'where to put key.pem, certificate.pem and roots.pem',
        required: true,
      },
      { name: 'dns', kind: 'list', meaning: 'a DNS name (servers and gateways); may be repeated' },
      { name: 'ip', kind: 'list', meaning: 'an IP address (servers and gateways); may be repeated' },
      { name: 'life', kind: 'duration', meaning: 'how long it lives, at most the cap of its kind' },
      ...administrationFlags,
    ],
    positionals: [{ name: 'name', meaning: 'the name of the agent, server, gateway or admin', count: 'one' }],
    run: issue,
  },
  {
    path: ['cert', 'list'],
    summary: 'List the certificates that were issued',
    example: 'countersign cert list --state issued',
    flags: [
      { name: 'name', kind: 'text', meaning: 'only of this name' },
      { name: 'kind', kind: 'text', meaning: 'only of this kind', choices: kinds },
      {
        name: 'state',
        kind: 'text',
        meaning: 'only in this state',
        choices: ['issued', 'revoked', 'reserved', 'abandoned'],
      },
      { name: 'expiring', kind: 'duration', meaning: 'only those in force that end within this time' },
      ...administrationFlags,
    ],
    positionals: [],
    async run(context, input) {
      const within = input.duration('expiring');
      const json = await administer(context, input, 'certificate.list', {
        ...given('name', input.text('name')),
        ...given('kind', input.text('kind')),
        ...given('state', input.text('state') ?? (within === null ? null : 'issued')),
        ...(within === null ? {} : expiring(context.clock.now(), within)),
      });
      return {
        text: formatTable(['serial', 'kind', 'name', 'state', 'notAfter', 'reason'], rows(json)),
        json,
      };
    },
  },
  {
    path: ['cert', 'show'],
    summary: 'Show one certificate',
    example: 'countersign cert show 5f2a90c1d3e4b5a6978812340c0ffee1',
    flags: administrationFlags,
    positionals: [serial],
    async run(context, input) {
      const json = await administer(context, input, 'certificate.show', { serial: input.word('serial') });
      return { text: describe(json), json };
    },
  },
  {
    path: ['cert', 'revoke'],
    summary: 'Revoke one certificate, or all of a name; gateways refuse it within a second',
    example: 'countersign cert revoke --name ci-bot --reason "laptop stolen"',
    flags: [
      { name: 'name', kind: 'text', meaning: 'revoke every live certificate of this name' },
      reason,
      code,
      ...administrationFlags,
    ],
    positionals: [{ name: 'serial', meaning: 'the serial number, in hex', count: 'optional' }],
    async run(context, input) {
      const [number] = input.words('serial');
      const name = input.text('name');
      if ((number === undefined) === (name === null)) {
        throw new Fault('usage', 'Give either a serial number or --name.');
      }
      const order = {
        ...why(input),
        ...given('name', name),
        ...given('serial', number ?? null),
      };
      const json = await administer(context, input, 'certificate.revoke', order);
      const count = isJsonObject(json) && Array.isArray(json['revoked']) ? json['revoked'].length : 0;
      return { text: `Revoked ${count} certificate${count === 1 ? '' : 's'}.`, json };
    },
  },
  changing('hold', 'Put a certificate on hold: refused like a revoked one, until it is reinstated'),
  changing('reinstate', 'Take the hold of a certificate back; it works again until its end'),
  {
    path: ['cert', 'renew'],
    summary: 'Renew the certificate in a folder over mutual TLS, with a new key',
    example: 'countersign cert renew ./files-identity --authority https://127.0.0.1:8444',
    flags: [
      { name: 'authority', kind: 'text', placeholder: 'url', meaning: 'the authority', required: true },
    ],
    positionals: [
      { name: 'folder', meaning: 'the folder with key.pem, certificate.pem and roots.pem', count: 'one' },
    ],
    run: renew,
  },
];

/** What has ended already is not about to. */
function expiring(
  now: number,
  within: number,
): { readonly expiresAfter: number; readonly expiresBefore: number } {
  return { expiresAfter: now, expiresBefore: now + within };
}

function changing(verb: 'hold' | 'reinstate', summary: string): Command {
  const done = verb === 'hold' ? 'held' : 'reinstated';
  return {
    path: ['cert', verb],
    summary,
    example: `countersign cert ${verb} 5f2a90c1d3e4b5a6978812340c0ffee1 --reason "looked into"`,
    flags: [reason, ...administrationFlags],
    positionals: [serial],
    async run(context, input) {
      const order = { serial: input.word('serial'), reason: input.must('reason') };
      const json = await administer(context, input, `certificate.${verb}`, order);
      const changed = isJsonObject(json) && json[done] === true;
      const text = `The certificate ${order.serial} ${changed ? `is ${done} at every gateway that is connected` : `was not ${done}: see countersign cert show`}.`;
      return { text, json };
    },
  };
}

async function issue(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const name = input.word('name');
  const out = resolve(input.must('out'));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const life = input.duration('life');
  const json = await administer(context, input, 'certificate.issue', {
    name,
    kind: input.must('kind'),
    csr: encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: name })),
    dnsNames: input.list('dns'),
    ipAddresses: input.list('ip'),
    ...(life === null ? {} : { minutes: wholeMinutes(life, '--life') }),
  });
  await writeIdentityFolder(out, privateKey, deliveryOf(json));
  return {
    text: `The certificate and its key are in ${out}.\n${describe(withoutPem(json))}`,
    json: withoutPem(json),
  };
}

async function renew(_context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const folder = resolve(input.word('folder'));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const old = await readIdentityFolder(folder);
  const json = await renewRemotely(input.must('authority'), old, privateKey);
  await writeIdentityFolder(folder, privateKey, deliveryOf(json));
  return { text: `Renewed in ${folder}.\n${describe(withoutPem(json))}`, json: withoutPem(json) };
}

function deliveryOf(json: Json): { readonly certificate: string; readonly roots: string } {
  if (!isJsonObject(json) || typeof json['certificate'] !== 'string' || typeof json['roots'] !== 'string') {
    throw new Fault('unavailable', 'The authority answered without a certificate. Check --authority.');
  }
  return { certificate: json['certificate'], roots: json['roots'] };
}

function withoutPem(json: Json): Json {
  if (!isJsonObject(json)) return json;
  const { certificate: _certificate, roots: _roots, ...rest } = json;
  return rest;
}

function given(name: string, value: string | null): Record<string, string> {
  return value === null ? {} : { [name]: value };
}
