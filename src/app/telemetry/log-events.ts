/** How much a line matters, by the numbers of syslog (RFC 5424 §6.2.1). */
export const logLevels = { error: 3, warning: 4, notice: 5, info: 6 } as const;

export type LogLevel = keyof typeof logLevels;

/** One kind of line. */
export interface LogEvent {
  readonly level: LogLevel;
  /** What every line of the kind says, and no other: how it is told. */
  readonly says: string;
  readonly meaning: string;
}

/**
 * The lines that a process which serves writes, by stable names: `docs/logs.md` lists the same. The first that fits is
 * the name of a line; one that fits none is a `note`.
 */
export const logEvents = {
  'request.failed': {
    level: 'error',
    says: 'A request failed inside: ',
    meaning: 'A request met an error that was not expected; the line has its cause.',
  },
  'tokens.failed': {
    level: 'error',
    says: 'The authorization server failed: ',
    meaning: 'A request for tokens met an error that was not expected.',
  },
  'own-certificate.not-renewed': {
    level: 'error',
    says: ' could not be renewed: ',
    meaning: 'A certificate of the process itself was not renewed; it is tried again.',
  },
  'key.unusable': {
    level: 'error',
    says: 'The signing key cannot be used: ',
    meaning: 'Whoever holds the signing key does not let it be used; nothing is issued.',
  },
  'key.usable': {
    level: 'notice',
    says: 'The signing key can be used again.',
    meaning: 'The signing key can be used again.',
  },
  'crl.not-published': {
    level: 'error',
    says: 'The CRLs could not be published: ',
    meaning: 'No new revocation list was published; it is tried again.',
  },
  'registry.went-back': {
    level: 'error',
    says: 'The authority gives an older registry than before',
    meaning: 'The authority shows an older state than it did; whoever was refused stays refused.',
  },
  'partners.untrusted': {
    level: 'error',
    says: 'No partner is trusted, because ',
    meaning: 'The authorities of partners cannot be used; none of their agents is let in.',
  },
  'feed.broke': {
    level: 'warning',
    says: 'The feed of ',
    meaning: 'The gateway lost the feed of an authority and goes on with another, or tries again.',
  },
  'policies.refused': {
    level: 'warning',
    says: 'The changed policies are not in force: ',
    meaning: 'The policy folder does not compile; the policies before stay in force.',
  },
  'policies.in-force': {
    level: 'notice',
    says: 'Policies in force: ',
    meaning: 'A set of policies took force.',
  },
  'secret.unavailable': {
    level: 'warning',
    says: ' is not to be had: ',
    meaning: 'A secret for an MCP server could not be read.',
  },
  'server.without-walls': {
    level: 'warning',
    says: ' is started without ',
    meaning: 'A stdio server runs with less isolation than there could be.',
  },
  'server.not-started': {
    level: 'warning',
    says: ' cannot be started: ',
    meaning: 'A stdio server, or the warden of their children, cannot be started.',
  },
  'server.not-mcp': {
    level: 'warning',
    says: ' that is not MCP: ',
    meaning: 'A server wrote something that is not MCP.',
  },
  'server.said': {
    level: 'info',
    says: 'Server ',
    meaning: 'What a server wrote to its standard error, or what became of a connection to it.',
  },
  'alert.untold': {
    level: 'warning',
    says: 'The receiver of alerts did not take one',
    meaning: 'An alert was not taken by the receiver; it is told again.',
  },
  'export.behind': {
    level: 'warning',
    says: ' is behind: ',
    meaning: 'A destination of the audit log is behind.',
  },
  'export.refused': {
    level: 'warning',
    says: ' does not take entries of ',
    meaning: 'A destination of the audit log takes nothing; it is tried again.',
  },
  'registry.untold': {
    level: 'warning',
    says: 'The registry was not told ',
    meaning: 'A gateway could not tell the authority something that nothing is decided by.',
  },
  'process.stopping': {
    level: 'notice',
    says: 'Stopping: ',
    meaning: 'The process was asked to end.',
  },
  note: { level: 'info', says: '', meaning: 'Anything else.' },
} as const satisfies Readonly<Record<string, LogEvent>>;

export type LogEventName = keyof typeof logEvents;

/** The kind of a line. */
export function logEventOf(line: string): LogEventName {
  const names = Object.keys(logEvents) as LogEventName[];
  return names.find((name) => line.includes(logEvents[name].says)) ?? 'note';
}
