import type { Command } from './command.ts';
import { acmeCommands } from './commands/acme.ts';
import { agentCommands } from './commands/agent.ts';
import { approvalCommands } from './commands/approval.ts';
import { alertCommands } from './commands/alert.ts';
import { auditCommands } from './commands/audit.ts';
import { backupCommands } from './commands/backup.ts';
import { bridgeCommand } from './commands/bridge.ts';
import { certCommands } from './commands/cert.ts';
import { certMonitorCommand } from './commands/cert-monitor.ts';
import { certProofCommands } from './commands/cert-proof.ts';
import { completionCommand } from './commands/completion.ts';
import { deviceCommands } from './commands/device.ts';
import { gatewayCommand } from './commands/gateway.ts';
import { initCommand } from './commands/init.ts';
import { joinTokenCommands } from './commands/join-token.ts';
import { keyCommands } from './commands/key.ts';
import { loginCommand } from './commands/login.ts';
import { personCommands } from './commands/person.ts';
import { partnerCommands } from './commands/partner.ts';
import { policyCommands } from './commands/policy.ts';
import { revokeCommands } from './commands/revoke.ts';
import { rootCommands } from './commands/root.ts';
import { rotateCommands } from './commands/rotate.ts';
import { rotateRootCommand } from './commands/rotate-root.ts';
import { serveCommands } from './commands/serve.ts';
import { serverCommands } from './commands/server.ts';
import { versionCommand } from './commands/version.ts';

/** Every command of the program, in the order of its help. */
export const commands: readonly Command[] = [
  initCommand,
  ...serveCommands,
  gatewayCommand,
  loginCommand,
  bridgeCommand,
  ...agentCommands,
  ...deviceCommands,
  ...personCommands,
  ...serverCommands,
  ...certCommands,
  ...certProofCommands,
  certMonitorCommand,
  ...alertCommands,
  ...revokeCommands,
  ...rootCommands,
  ...rotateCommands,
  rotateRootCommand,
  ...joinTokenCommands,
  ...approvalCommands,
  ...partnerCommands,
  ...acmeCommands,
  ...keyCommands,
  ...policyCommands,
  ...auditCommands,
  ...backupCommands,
  versionCommand,
  completionCommand(() => commands),
];
