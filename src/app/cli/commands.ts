import type { Command } from './command.ts';

/** Commands that lie together: the first words of them, and where they are. */
interface Family {
  readonly words: readonly string[];
  readonly load: () => Promise<readonly Command[]>;
}

/** In the order of the help. What a command needs is loaded with its family: most commands end sooner than all of it loads. */
const families: readonly Family[] = [
  { words: ['init'], load: async () => [(await import('./commands/init.ts')).initCommand] },
  { words: ['up', 'authority'], load: async () => (await import('./commands/serve.ts')).serveCommands },
  { words: ['gateway'], load: async () => [(await import('./commands/gateway.ts')).gatewayCommand] },
  { words: ['login'], load: async () => [(await import('./commands/login.ts')).loginCommand] },
  { words: ['bridge'], load: async () => [(await import('./commands/bridge.ts')).bridgeCommand] },
  { words: ['sign-out'], load: async () => [(await import('./commands/sign-out.ts')).signOutCommand] },
  { words: ['agent'], load: async () => (await import('./commands/agent.ts')).agentCommands },
  { words: ['sub-agent'], load: async () => [(await import('./commands/sub-agent.ts')).subAgentCommand] },
  { words: ['device'], load: async () => (await import('./commands/device.ts')).deviceCommands },
  { words: ['person'], load: async () => (await import('./commands/person.ts')).personCommands },
  { words: ['server'], load: async () => (await import('./commands/server.ts')).serverCommands },
  { words: ['tool'], load: async () => (await import('./commands/tool.ts')).toolCommands },
  { words: ['secret'], load: async () => [(await import('./commands/secret.ts')).secretCheckCommand] },
  { words: ['cert'], load: async () => (await import('./commands/cert.ts')).certCommands },
  { words: ['cert'], load: async () => (await import('./commands/cert-proof.ts')).certProofCommands },
  { words: ['cert'], load: async () => [(await import('./commands/cert-monitor.ts')).certMonitorCommand] },
  { words: ['alert'], load: async () => (await import('./commands/alert.ts')).alertCommands },
  { words: ['token'], load: async () => (await import('./commands/token.ts')).tokenCommands },
  { words: ['revoke'], load: async () => (await import('./commands/revoke.ts')).revokeCommands },
  { words: ['root'], load: async () => (await import('./commands/root.ts')).rootCommands },
  { words: ['peer'], load: async () => (await import('./commands/peer.ts')).peerCommands },
  { words: ['rotate'], load: async () => (await import('./commands/rotate.ts')).rotateCommands },
  { words: ['rotate'], load: async () => [(await import('./commands/rotate-root.ts')).rotateRootCommand] },
  { words: ['join-token'], load: async () => (await import('./commands/join-token.ts')).joinTokenCommands },
  { words: ['approval'], load: async () => (await import('./commands/approval.ts')).approvalCommands },
  {
    words: ['call-approval'],
    load: async () => (await import('./commands/call-approval.ts')).callApprovalCommands,
  },
  { words: ['flow'], load: async () => (await import('./commands/flow.ts')).flowCommands },
  { words: ['partner'], load: async () => (await import('./commands/partner.ts')).partnerCommands },
  {
    words: ['acme-key', 'acme-account'],
    load: async () => (await import('./commands/acme.ts')).acmeCommands,
  },
  { words: ['key'], load: async () => (await import('./commands/key.ts')).keyCommands },
  { words: ['policy'], load: async () => (await import('./commands/policy.ts')).policyCommands },
  {
    words: ['policy'],
    load: async () => [(await import('./commands/policy-replay.ts')).policyReplayCommand],
  },
  {
    words: ['policy'],
    load: async () => (await import('./commands/policy-pending.ts')).policyPendingCommands,
  },
  { words: ['token'], load: async () => [(await import('./commands/token-explain.ts')).tokenExplainCommand] },
  { words: ['witness'], load: async () => [(await import('./commands/witness.ts')).witnessCommand] },
  { words: ['audit'], load: async () => [(await import('./commands/audit-verify.ts')).auditVerifyCommand] },
  { words: ['audit'], load: async () => (await import('./commands/audit.ts')).auditCommands },
  { words: ['audit'], load: async () => [(await import('./commands/audit-fetch.ts')).auditFetchCommand] },
  { words: ['audit'], load: async () => (await import('./commands/audit-hold.ts')).auditHoldCommands },
  { words: ['audit'], load: async () => (await import('./commands/audit-proof.ts')).auditProofCommands },
  { words: ['migrate'], load: async () => [(await import('./commands/migrate.ts')).migrateCommand] },
  { words: ['backup', 'restore'], load: async () => (await import('./commands/backup.ts')).backupCommands },
  { words: ['demo'], load: async () => [(await import('./commands/demo.ts')).demoAttacksCommand] },
  { words: ['health'], load: async () => [(await import('./commands/health.ts')).healthCommand] },
  { words: ['version'], load: async () => [(await import('./commands/version.ts')).versionCommand] },
  {
    words: ['completion'],
    load: async () => [(await import('./commands/completion.ts')).completionCommand(allCommands)],
  },
];

/** Every command of the program, in the order of its help. */
export function allCommands(): Promise<readonly Command[]> {
  return loaded(families);
}

/** The commands that a command line can mean: those of its first word, or all of them when it is not the first of any. */
export function commandsFor(argv: readonly string[]): Promise<readonly Command[]> {
  const first = argv.find((word) => !word.startsWith('-'));
  const meant = families.filter(({ words }) => words.some((word) => word === first));
  return loaded(meant.length > 0 ? meant : families);
}

async function loaded(chosen: readonly Family[]): Promise<readonly Command[]> {
  return (await Promise.all(chosen.map(({ load }) => load()))).flat();
}
