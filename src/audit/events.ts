import type { Writable } from '../kernel/canonical-json.ts';

/**
 * Every kind of event with its meaning: the catalogue that readers of the log rely on. `docs/audit.md` lists the same.
 * An event carries hashes of arguments and results, never their values.
 */
export const auditEvents = {
  'call.permitted': 'Policy permitted a request; written before anything is forwarded.',
  'call.signer':
    'The certificate of an agent that signs its calls, before the first one that it signed: what shows the signature to others.',
  'call.answered': 'The answer was relayed: status, size, hash, duration.',
  'call.refused': 'A request was refused: the fault code and the reason.',
  'call.merged':
    'A request to all servers was taken apart: which were asked, which are missing from the answer.',
  'call.failed': 'A permitted request did not come to an answer.',
  'connection.refused': 'A connection was refused before it became a request.',
  'connections.refused': 'More connections were refused than are recorded one by one: how many, in how long.',
  'stream.cut': 'A live exchange was ended because its right was gone.',
  'certificate.reserved': 'A serial and the contents of a certificate were fixed, before signing.',
  'certificate.issued': 'A certificate was signed and stored.',
  'certificate.renewed': 'A certificate was replaced by a new one for a new key.',
  'certificate.refused': 'A certificate was asked for and not issued.',
  'certificate.revoked': 'A certificate was revoked.',
  'certificate.held': 'A certificate was put on hold: refused like a revoked one, until it is reinstated.',
  'certificate.reinstated': 'The hold of a certificate was taken back.',
  'key.blocked': 'A key was revoked: it gets no certificate any more.',
  'subject.revoked':
    'The certificates and join tokens of an agent, a person, a group, a device, a server or a key were revoked together: how many.',
  'crl.published': 'Certificate revocation lists were signed and published together: number, entries, cause.',
  'rotation.requested': 'A key for the next intermediate was made, before its certificate was asked for.',
  'rotation.prepared': 'The certificate of the next intermediate was taken in.',
  'rotation.activated': 'The next intermediate issues from now on, and the one before no longer does.',
  'rotation.retired': 'The intermediate before is at its end: its key is removed.',
  'rotation.abandoned': 'The next intermediate was given up before it had issued anything.',
  'agent.added': 'An agent was registered.',
  'sub-agent.accepted':
    'An agent enrolled one below itself: both names, the serial that it asked with, the roles.',
  'agent.changed': "An agent's record changed.",
  'server.added': 'An MCP server was registered.',
  'server.changed': "An MCP server's definition was replaced.",
  'server.removed': 'An MCP server was removed.',
  'tool.changed': 'A server lists an approved tool with another definition: it is hidden and refused.',
  'tool.refused': 'An administrator refused a tool.',
  'tools.approved': 'Tools were approved as they stand: their names and hashes, by whom or by what.',
  'tools.seen': 'A server lists tools that it did not list before: their names and hashes.',
  'partner.added': 'A partner was added: the agents of another trust domain are let in as mapped.',
  'partner.changed': 'A partner was replaced.',
  'partner.removed': 'A partner was removed; its agents are let in no longer.',
  'partner.refreshed': 'The bundle of a partner was fetched and its authorities changed.',
  'partner.unreachable':
    'The bundle of a partner could not be fetched or was not accepted; told once until it is again.',
  'approval.asked': 'A request waits for an administrator.',
  'approval.granted': 'An administrator granted a request that waited.',
  'approval.refused': 'An administrator refused a request that waited, or took a grant back.',
  'approval.used': 'A request that was granted is about to become a certificate.',
  'call-approval.asked':
    'A call waits for somebody to approve it: who makes it, the tool, the hash of its arguments, the policies that ask.',
  'call-approval.granted': 'Somebody approved a call that waited.',
  'call-approval.refused': 'Somebody refused a call that waited, or took an approval back.',
  'call-approval.used': 'An approval was used up: the one call that it is good for is about to be made.',
  'call-approval.withdrawn': 'The client gave up a call that waited or was approved.',
  'call-approval.expired': 'A call was not decided, or not made, in time.',
  'device.refused':
    'The certificates of an agent were revoked, because its device is not compliant any more.',
  'device.unchecked': 'Whether a device is compliant could not be told.',
  'join-token.created': 'A join token was made: for one name, or for so many of a pattern.',
  'join-token.redeemed': 'A join token was used.',
  'join-token.ended': 'A join token was ended before its time.',
  'join-token.refused': 'A join token was presented and not accepted.',
  'join-tokens.refused':
    'More join tokens were not accepted than are recorded one by one: how many, in how long.',
  'acme-key.created': 'An external account key for the ACME door was made.',
  'acme-key.removed': 'An external account key was removed before it was used.',
  'acme-account.created': 'An ACME account was opened with an external account key.',
  'acme-account.changed': 'An ACME account got another key or contact, or was deactivated or revoked.',
  'acme-account.refused': 'An external account binding was presented and not accepted.',
  'acme-accounts.refused':
    'More external account bindings were not accepted than are recorded one by one: how many, in how long.',
  'acme-challenge.validated':
    'An ACME account proved that it holds a name or address, or a device; of a device its maker, the format, and the hash of its key.',
  'acme-challenge.failed':
    'An ACME account did not prove that it holds a name or address, or a device: what was found there.',
  'acme-order.finalized': 'The certificate of an ACME order was issued.',
  'workload.accepted': 'A workload was recognised by the JWT of its platform.',
  'workload.refused': 'A JWT was presented for a certificate and not accepted.',
  'workloads.refused': 'More JWTs were not accepted than are recorded one by one: how many, in how long.',
  'scep.allowed': 'A webhook said that the challenge of a SCEP request counts, and for what.',
  'scep.unchecked':
    'A webhook gave no answer about the challenge of a SCEP request, or none that can be read.',
  'scep.refused': 'A SCEP message was read and answered with a failure.',
  'scep-messages.refused':
    'More SCEP messages were answered with failures than are recorded one by one: how many, in how long.',
  'person.accepted': 'A person was recognised by the ID token of a provider, for an agent of theirs.',
  'person.refused': 'The login of a person was not accepted.',
  'people.refused':
    'More logins, passkeys and links were not accepted than are recorded one by one: how many, in how long.',
  'person.forgotten': 'The account of a person was forgotten, so that the name may be of another.',
  'person.added': 'A person was added, who signs in here with a passkey.',
  'person.changed': 'A person was disabled or enabled, or put into other groups.',
  'person.removed': 'A person was forgotten with everything they could sign in with.',
  'person.invited': 'A link was made with which a person enrols a passkey; null for the first person.',
  'person.enrolled': 'A link was used to enrol a passkey.',
  'person.signed-in': 'A person signed in, with a passkey or at a provider.',
  'person.signed-out': 'A person signed out.',
  'person.logged-out': 'A provider said that a person logged out there: sessions, grants and tokens ended.',
  'person.sign-in-refused': 'A passkey or an enrolment link was not accepted: why.',
  'consent.given': 'A person allowed a client to act for them: which, where it is sent back, for what.',
  'consent.refused': 'A person did not allow a client to act for them.',
  'consent.withdrawn': 'A person took back what they allowed a client.',
  'passkey.removed': 'A passkey of a person was removed.',
  'token.issued':
    'An access token was issued: for whom, to which client and agent, for which server, how it is bound.',
  'client.registered':
    'A program has registered itself as a client: what it calls itself, and where people are sent back to.',
  'token.refused': 'A request for tokens was refused: the error and the reason.',
  'tokens.refused':
    'More requests for tokens were refused than are recorded one by one: how many, in how long.',
  'token-key.rotating':
    'Another key is to sign access tokens: why, and whether the one before is compromised. Without the next event it did not come to it, or the process ended in between.',
  'token-key.rotated':
    'Another key signs access tokens from now on: which; whether the one before was compromised.',
  'token.ended': 'A token, a grant, or all tokens of a person or an agent were ended before their time.',
  'policy.loaded': 'A set of policies took force.',
  'policy.waiting': 'A changed set of policies may allow more and waits for another administrator.',
  'policy.approved': 'An administrator approved a set of policies that waited.',
  'policy.rejected': 'An administrator did not approve a set of policies that waited: why.',
  'policy.refused': 'A changed set of policies did not compile; the last good one stays.',
  'flow.forgotten': 'An administrator had gateways forget what an agent has used until then: for whom, why.',
  'registry.went-back':
    'The authority gave a gateway an older registry than before; whoever the gateway refused stays refused.',
  'shared-memory.away':
    'The memory that gateways share went away from this gateway, or was not there when it started: why, and what is done meanwhile.',
  'shared-memory.back': 'The memory that gateways share is back.',
  'secret.obtained':
    'A secret for MCP servers was read from the program that holds it, and is new or another one: where it is, and for how long.',
  'secret.unavailable':
    'A secret for MCP servers could not be read from the program that holds it; told once until it can be again.',
  'log.opened': 'A process began to write this log.',
  'log.recovered': 'An entry that was cut off by a crash was removed from the end.',
  'log.resumed': 'Writing works again: why it did not, and how many entries were refused meanwhile.',
  'log.removed':
    'A whole file of this log is about to be removed by retention; the hashes of its entries stay: which, from where to where, why.',
  'hold.added': 'Somebody ordered that nothing of this log is removed: who, why.',
  'hold.released': 'Somebody ended a hold on this log: who, why.',
  'export.stopped':
    'A destination refuses an entry for good: which, why. Nothing behind it is sent there until it is taken.',
  'export.set-aside':
    'A destination refuses an entry for good, and it was left out as configured: which, why.',
  'export.behind': 'Entries wait longer for a destination than they should: how many, and why.',
  'export.resumed': 'A destination takes entries again, or has caught up.',
  'witness.refused':
    'A witness does not sign what this log says, because it is not what it has signed before: why. Told once until it does.',
  'witness.unreachable': 'A witness was asked for its signature and gave none: why. Told once until it does.',
  'witness.resumed': 'A witness signs again.',
  'admin.command': 'An administrator changed something.',
  'alert.raised':
    'Somebody has to look: a certificate ends, has ended, or its renewal fails; or a tool is not what was approved.',
  'alert.resolved': 'There is nothing left to do about an alert: why.',
  'alert.acknowledged': 'An administrator has seen an alert.',
  'authority.created': 'The authority was made.',
  'authority.restored':
    'The authority was restored from a backup: when that was made, and when it was restored.',
} as const;

export type AuditEventType = keyof typeof auditEvents;

/** Where an event keeps its canonical JSON when whoever made it has written that already. */
export const canonicalText = Symbol('canonical text');

/** One thing that happened. Everything but the type depends on the type. */
export interface AuditEvent {
  readonly type: AuditEventType;
  /** The one serialisation of the event (RFC 8785), which the log then does not work out again. */
  readonly [canonicalText]?: string;
  readonly [field: string]: Writable | undefined;
}
