import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join, resolve } from 'node:path';
import { createAuthorities } from '../../../bridge/authorities.ts';
import { readPrivateFile, writeDurably } from '../../../kernel/durable-file.ts';
import { Fault } from '../../../kernel/fault.ts';
import { remoteApprovals } from '../../approvals/remote-approvals.ts';
import type { AdminIdentity } from '../../admin/remote-administration.ts';
import { composeGateway } from '../../compose/compose-gateway.ts';
import { holdEnrolledIdentity } from '../../compose/enrolled-identity.ts';
import { gatewayNames } from '../../compose/gateway-names.ts';
import { openOps } from '../../compose/open-ops.ts';
import { openTelemetry } from '../../telemetry/open-telemetry.ts';
import type { OwnIdentity } from '../../compose/own-identity.ts';
import { tellAuthorities } from '../../compose/tell-authorities.ts';
import { auditExportFileName } from '../../config/file-names.ts';
import { configFlags, loadConfig } from '../../config/load-config.ts';
import { followRemoteFeed } from '../../feed/remote-feed.ts';
import type { Command, CommandContext, CommandInput, CommandResult } from '../command.ts';
import { operatorLog } from '../operator-log.ts';
import { isWorker, runWorker } from '../../workers/run-worker.ts';
import { runWorkers, workersIn } from '../../workers/run-workers.ts';
import { joinTokenFlags, readJoinToken } from '../join-token-flags.ts';
import { announceListeners, portsFlag, serveUntilEnded } from '../serving.ts';

/** `gateway`: a gateway elsewhere than its authority. */
export const gatewayCommand: Command = {
  path: ['gateway'],
  summary: 'Run a gateway alone; it enrols at an authority elsewhere and follows it',
  example:
    'countersign gateway --authority https://authority.example.internal:8444 --name edge-1 --join-token-file token',
  flags: [
    {
      name: 'authority',
      kind: 'text',
      placeholder: 'url',
      meaning:
        'the authority to enrol at and to follow; of several with commas between, any that can be reached',
      required: true,
    },
    { name: 'name', kind: 'text', meaning: 'the name of this gateway', required: true },
    {
      name: 'state',
      kind: 'text',
      placeholder: 'folder',
      meaning: 'where key, certificate and log lie',
      default: '.countersign-gateway',
    },
    ...joinTokenFlags,
    portsFlag,
    ...configFlags,
  ],
  positionals: [],
  run: gateway,
};

async function gateway(context: CommandContext, input: CommandInput): Promise<CommandResult> {
  const { clock, redactor } = context;
  const { withoutLikelySecrets } = await import('../../compose/likely-log.ts');
  const config = await loadConfig(context, input, input.must('state'));
  const log = withoutLikelySecrets(operatorLog(context, config));
  if (isWorker()) {
    await runWorker({ config, clock, redactor, log });
    return { text: '', json: null };
  }
  const state = resolve(input.must('state'));
  const authorities = createAuthorities(input.must('authority'), log);
  const joinToken = await readJoinToken(context, input);
  if (joinToken !== null) redactor.learn(joinToken);
  await using opened = new AsyncDisposableStack();
  const service = 'countersign-gateway';
  const telemetry = opened.use(await openTelemetry(config, { clock, redactor, service }));
  const identity = opened.use(
    await holdEnrolledIdentity({
      folder: join(state, 'identity'),
      authorities,
      name: input.must('name'),
      ...gatewayNames(config),
      joinToken,
      authorityFile: input.text('ca'),
      rootFingerprint: input.text('ca-fingerprint'),
      clock,
      log,
    }),
  );
  const place = {
    name: input.must('name'),
    trustDomain: identity.trustDomain,
    auditFolder: join(state, 'gateway-log'),
    exportsFile: join(state, auditExportFileName),
    flowFile: join(state, 'gateway-flows.jsonl'),
  };
  const key = await auditKey(join(state, 'audit-key.pem'));
  const count = workersIn(config);
  if (count > 1) {
    const workers = opened.use(
      await runWorkers({
        count,
        hello: { ...place, authorities: input.must('authority') },
        auditKey: key,
        identity,
        onTrust: (trust) => identity.follow(trust),
        clock,
        log,
      }),
    );
    const ops = opened.use(await openOps({ config, clock, telemetry, workers }));
    announceListeners(context, { agents: workers.agents, ops });
    await serveUntilEnded(context, workers, config.gateway.drain, log);
    return { text: '', json: null };
  }
  const running = opened.use(
    await composeGateway({
      config,
      clock,
      ...place,
      identity,
      auditKey: key,
      follow: async (listener) =>
        followRemoteFeed({
          authorities,
          identity: () => shownBy(identity),
          listener(message, saidAt) {
            if ('trust' in message && message.trust) identity.follow(message.trust);
            listener(message, saidAt);
          },
          clock,
          log,
        }),
      ...tellAuthorities(authorities, () => shownBy(identity)),
      approvals: remoteApprovals(authorities, () => shownBy(identity)),
      redactor,
      log,
      telemetry,
    }),
  );
  const ops = opened.use(await openOps({ config, clock, telemetry }));
  announceListeners(context, { agents: running.agents, ops });
  await serveUntilEnded(context, running, config.gateway.drain, log);
  return { text: '', json: null };
}

function shownBy(identity: OwnIdentity): AdminIdentity {
  const { certificate, key, clientAuthorities: authorities } = identity.current();
  return { certificate, key, authorities };
}

/** The Ed25519 key that signs this gateway's checkpoints, made at the first start. */
async function auditKey(path: string): Promise<KeyObject> {
  try {
    return createPrivateKey(Buffer.from(await readPrivateFile(path)));
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'not_found') throw error;
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeDurably(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return privateKey;
}
