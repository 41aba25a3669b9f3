import { type FlowRules, knownLabels } from '../../gateway/flow/flow-rules.ts';
import type { LimitRules } from '../../gateway/limit-rule.ts';
import { checkLabels } from '../../policy/check-labels.ts';
import { compilePolicies, compilePoliciesInTurns, type PolicySet } from '../../policy/compile-policies.ts';
import { type FileTokenRules, noTokens } from '../../oauth/resource/token-rules.ts';
import type { PassportRules } from '../../oauth/agent-passport/passport-rules.ts';
import { noPassports, readAgentPassports } from '../config/agent-passports-file.ts';
import {
  agentPassportsFileName,
  callApprovalsFileName,
  flowsFileName,
  limitsFileName,
  signedCallsFileName,
  tokensFileName,
} from '../config/file-names.ts';
import type { CallApprovalRules } from '../approvals/approvers.ts';
import { defaultCallApprovals, readCallApprovals } from '../config/call-approvals-file.ts';
import { readFlows } from '../config/flows-file.ts';
import { readLimits } from '../config/limits-file.ts';
import { readSigningServers, type SigningServers } from '../config/signed-calls-file.ts';
import { readTokens } from '../config/tokens-file.ts';
import type { PolicyFile } from './feed-message.ts';

/** What the files of the policy folder say together. */
export interface PolicyRules {
  readonly policies: PolicySet;
  readonly limits: LimitRules;
  readonly signingServers: SigningServers;
  readonly passports: PassportRules;
  readonly tokens: FileTokenRules;
  /** For the authority alone. */
  readonly callApprovals: CallApprovalRules;
  /** null where nothing has a label. */
  readonly flows: FlowRules | null;
}

/** Reads all of the files or none. Throws Fault `policy_invalid` or `config_invalid`. */
export function readPolicyFiles(files: readonly PolicyFile[], earlier: PolicySet | null = null): PolicyRules {
  return { ...settingsOf(files), policies: labelled(files, compilePolicies(policiesOf(files), earlier)) };
}

/** The same, with turns for everybody else: thousands of policies take seconds. */
export async function readPolicyFilesInTurns(
  files: readonly PolicyFile[],
  earlier: PolicySet | null,
): Promise<PolicyRules> {
  const settings = settingsOf(files);
  return { ...settings, policies: labelled(files, await compilePoliciesInTurns(policiesOf(files), earlier)) };
}

function settingsOf(files: readonly PolicyFile[]): Omit<PolicyRules, 'policies'> {
  return {
    limits: limitsOf(files),
    signingServers: signingServersOf(files),
    passports: passportsOf(files),
    tokens: tokensOf(files),
    flows: flowsOf(files),
    callApprovals: callApprovalsOf(files),
  };
}

/** The policies, once it is sure that the labels in them exist. */
function labelled(files: readonly PolicyFile[], policies: PolicySet): PolicySet {
  checkLabels(policies, flowsOf(files)?.words ?? new Set(knownLabels));
  return policies;
}

function limitsOf(files: readonly PolicyFile[]): LimitRules {
  const limits = files.find(({ name }) => name === limitsFileName);
  return limits ? readLimits(limits.name, limits.text) : noLimits;
}

function signingServersOf(files: readonly PolicyFile[]): SigningServers {
  const found = files.find(({ name }) => name === signedCallsFileName);
  return found ? readSigningServers(found.name, found.text) : noServers;
}

function passportsOf(files: readonly PolicyFile[]): PassportRules {
  const found = files.find(({ name }) => name === agentPassportsFileName);
  return found ? readAgentPassports(found.name, found.text) : noPassports;
}

function flowsOf(files: readonly PolicyFile[]): FlowRules | null {
  const flows = files.find(({ name }) => name === flowsFileName);
  return flows ? readFlows(flows.name, flows.text) : null;
}

/** What the files say of tokens. Throws Fault `config_invalid`. */
export function tokensOf(files: readonly PolicyFile[]): FileTokenRules {
  const tokens = files.find(({ name }) => name === tokensFileName);
  return tokens ? readTokens(tokens.name, tokens.text) : noTokens;
}

/** What the files say of approvals of calls. Throws Fault `config_invalid`. */
export function callApprovalsOf(files: readonly PolicyFile[]): CallApprovalRules {
  const found = files.find(({ name }) => name === callApprovalsFileName);
  return found ? readCallApprovals(found.name, found.text) : defaultCallApprovals;
}

function policiesOf(files: readonly PolicyFile[]): readonly PolicyFile[] {
  return files.filter(({ name }) => name.endsWith('.cedar'));
}

const noLimits: LimitRules = Object.freeze([]);
const noServers: SigningServers = new Set();
