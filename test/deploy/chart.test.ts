import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { allCommands } from '../../src/app/cli/commands.ts';
import { parseCommandLine } from '../../src/app/cli/parse-command-line.ts';
import { configSchema, toConfig } from '../../src/app/config/config.ts';
import { readPeople } from '../../src/app/config/people-file.ts';
import { readWorkloads } from '../../src/app/config/workloads-file.ts';
import { gatewayNames } from '../../src/app/compose/gateway-names.ts';
import { matchRule } from '../../src/enrol/workload/match-rule.ts';
import { chart, conform, lint, type Manifest, manifestsOf, needed, render, type Values } from './chart.ts';
import { helm, kubeconform } from './deploy-tools.ts';
import { podsOf, selects } from './pods.ts';

const commands = await allCommands();
const skip = helm.skip || kubeconform.skip;
const examples = join(chart, '../examples');
const read = (name: string): string => readFileSync(join(examples, name), 'utf8');

const server = { name: 'files', namespace: 'mcp', labels: { app: 'files' }, port: 8080 };
const agents = [{ namespace: 'agents', name: '{account}' }];
const sidecar = {
  name: 'collector',
  image: needed.image.repository.concat('-collector@', needed.image.digest),
  command: ['/otelcol'],
  securityContext: {
    allowPrivilegeEscalation: false,
    privileged: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
  resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '64Mi' } },
};
const sets: Readonly<Record<string, Values>> = {
  'what is needed': {},
  'the authority first': { gateway: { enabled: false }, rootFingerprint: '' },
  'agents and servers': { agents, servers: [server, { ...server, name: 'notes', labels: { app: 'notes' } }] },
  'a load balancer, no autoscaling': {
    domains: ['example.com'],
    gateway: {
      names: ['mcp.example.com'],
      autoscaling: { enabled: false },
      replicas: 3,
      service: { type: 'LoadBalancer', port: 443, sourceRanges: ['192.0.2.0/24'], annotations: { a: 'b' } },
    },
  },
  'secrets of the cluster, a longer drain': {
    gateway: { secrets: ['github'], config: { gateway: { drain: { graceMilliseconds: 120_000 } } } },
    network: { apiServer: ['192.0.2.10/32'] },
  },
  'everything else': {
    domains: ['authority.example.com'],
    image: { pullSecrets: ['registry'], pullPolicy: 'Always' },
    authority: {
      names: ['authority.example.com'],
      initFlags: ['--organization=Example'],
      sidecars: [sidecar],
      policies: { 'readers.cedar': 'permit (principal, action, resource);', 'limits.yaml': '{}' },
      files: { 'issuance.yaml': '{}' },
      secrets: [{ secret: 'vault', key: 'token', file: 'vault-token' }],
      storage: { size: '20Gi', className: 'fast' },
      ingress: [{ from: [{ ipBlock: { cidr: '192.0.2.0/24' } }], ports: [{ protocol: 'TCP', port: 8444 }] }],
      egress: [{ to: [{ ipBlock: { cidr: '192.0.2.20/32' } }], ports: [{ protocol: 'TCP', port: 443 }] }],
    },
    gateway: { sidecars: [sidecar], disruption: { minAvailable: '50%' }, storage: { className: 'fast' } },
  },
  'the example with Keycloak and PostgreSQL': parse(read('keycloak-postgresql/values.yaml')) as Values,
};

describe('U8 the chart', { skip }, () => {
  for (const [what, values] of Object.entries(sets)) {
    test(`U8 with ${what}: linted strictly, rendered, and as Kubernetes describes every object`, () => {
      const rendered = render(needed, values);
      assert.equal(rendered.code, 0, rendered.said);
      assert.equal(lint(needed, values), '');
      assert.equal(conform(rendered.text), '');
      holdPods(rendered.objects);
      holdSecrets(rendered.objects);
      holdNetwork(rendered.objects);
      holdProgram(rendered.objects);
    });
  }

  const required: readonly [string, Values][] = [
    ['image.repository', { image: { repository: '' } }],
    ['image.digest', { image: { digest: '' } }],
    ['trustDomain', { trustDomain: '' }],
    ['rootFingerprint', { rootFingerprint: '' }],
    ['cluster.issuer', { cluster: { issuer: '' } }],
    ['cluster.keys', { cluster: { keys: '' } }],
    ['authority.passphrase.secret', { authority: { passphrase: { secret: '' } } }],
    ['domains', { gateway: { names: ['mcp.example.com'] } }],
    ['network.apiServer', { gateway: { secrets: ['github'] } }],
  ];
  for (const [name, values] of required) {
    test(`law 2 U8 without ${name} nothing is rendered, and it says what is missing`, () => {
      const { code, said } = render(needed, values);
      assert.notEqual(code, 0);
      assert.ok(said.includes(`${name}: `), said);
    });
  }

  const nonsense: Readonly<Record<string, Values>> = {
    'a tag for a digest': { image: { digest: 'latest' } },
    'a digest in the name': { image: { repository: 'a@sha256:00' } },
    'a word that is no value': { gatway: {} },
    'a word that is no value, below': { gateway: { replica: 3 } },
    'the passphrase itself': { authority: { passphrase: { value: 'hunter2' } } },
    'a fingerprint that is none': { rootFingerprint: 'abc' },
    'an issuer in plain text': { cluster: { issuer: 'http://kubernetes' } },
    'an agent without its account': { agents: [{ namespace: 'agents', name: 'all' }] },
    'a server without labels': { servers: [{ ...server, labels: {} }] },
    'a file of any name': { authority: { files: { 'state.db': '' } } },
    'a policy of any name': { authority: { policies: { '../x.cedar': '' } } },
    'an ingress': { gateway: { service: { type: 'NodePort' } } },
    'half a pod': { gateway: { replicas: 1.5 } },
  };
  for (const [what, values] of Object.entries(nonsense)) {
    test(`U8 ${what} is refused when it is rendered`, () => {
      assert.notEqual(render(needed, values).code, 0);
    });
  }

  test('U8 the example of an agent is as Kubernetes describes it, and held to the same', () => {
    const text = read('agent.yaml');
    assert.equal(conform(text), '');
    const objects = manifestsOf(text);
    holdPods(objects);
    holdSecrets(objects);
    const [pod] = podsOf(objects);
    assert.ok(pod);
    holdArguments(pod.containers[0]?.args ?? []);
    const key = pod.volumes.find(({ name }) => name === 'key');
    assert.deepEqual(key?.['emptyDir'], { medium: 'Memory', sizeLimit: '16Mi' });
  });

  test('U8 a gateway pod enrols as itself with the token of its service account, and an agent as its account', () => {
    const { objects } = render(needed, { agents });
    const workloads = config(objects, 'countersign-authority').data?.['workloads.yaml'] ?? '';
    const [issuer] = readWorkloads('workloads.yaml', workloads);
    assert.ok(issuer);
    const pod = { name: 'countersign-gateway-3', uid: '0' };
    const claims = { 'kubernetes.io': { namespace: 'countersign', pod } };
    const gateway = matchRule(issuer, 'system:serviceaccount:countersign:countersign-gateway', claims);
    assert.equal(gateway.name, 'countersign-gateway-3');
    assert.equal(gateway.kind, 'gateway');
    // What it asks for is what it is granted.
    const settings = configSchema.parse(
      parse(config(objects, 'countersign-gateway').data?.['countersign.yaml'] ?? ''),
    );
    const asked = gatewayNames(toConfig(settings));
    assert.deepEqual(asked.ipAddresses, []);
    assert.deepEqual(asked.dnsNames, gateway.dnsNames);
    const agent = matchRule(issuer, 'system:serviceaccount:agents:ci-bot', claims);
    assert.deepEqual([agent.name, agent.kind], ['ci-bot', 'agent']);
    const refused = { code: 'workload_refused' };
    assert.throws(
      () => matchRule(issuer, 'system:serviceaccount:other:countersign-gateway', claims),
      refused,
    );
    assert.throws(() => matchRule(issuer, 'system:serviceaccount:countersign:default', claims), refused);
    for (const { spec, of, volumes } of podsOf(objects)) {
      const sources = volumes.flatMap(
        (volume) => (volume['projected'] as { sources?: object[] })?.sources ?? [],
      );
      const token = sources.flatMap((source) =>
        'serviceAccountToken' in source ? [source.serviceAccountToken] : [],
      );
      if (spec['serviceAccountName'] !== 'countersign-gateway') continue;
      assert.deepEqual(token, [{ audience: issuer.audience, expirationSeconds: 600, path: 'token' }], of);
    }
  });

  test('U8 the authority may certify every name that it and the gateways answer to', () => {
    const { objects } = render(needed, {
      domains: ['example.com'],
      authority: { names: ['authority.agents.example.internal'] },
      gateway: { names: ['mcp.example.com'] },
    });
    const init = podsOf(objects)
      .flatMap(({ containers }) => containers)
      .find(({ name }) => name === 'init');
    const domains = (init?.args ?? []).flatMap(
      (word) => /^--(?:dns|trust-domain)=(.*)$/.exec(word)?.[1] ?? [],
    );
    for (const name of ['countersign-authority', 'countersign-gateway']) {
      const settings = configSchema.parse(parse(config(objects, name).data?.['countersign.yaml'] ?? ''));
      const { agents, authority } = settings.listeners;
      const hosts = [...agents.hosts, ...authority.hosts];
      assert.ok(hosts.length >= 3, name);
      const outside = hosts.filter(
        (host) => !domains.some((each) => host === each || host.endsWith(`.${each}`)),
      );
      assert.deepEqual(outside, [], name);
    }
  });

  test('U8 a server is reached by gateways alone, at its port alone', () => {
    const { objects } = render(needed, { agents, servers: [server] });
    const policies = objects.filter(
      ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.namespace === 'mcp',
    );
    const [policy] = policies;
    assert.equal(policies.length, 1);
    const gateway = podsOf(objects).find(({ of }) => of === 'StatefulSet countersign-gateway');
    const { ingress, podSelector } = (policy?.spec ?? {}) as {
      podSelector: unknown;
      ingress: { from: { namespaceSelector: unknown; podSelector: unknown }[]; ports: unknown }[];
    };
    assert.deepEqual(podSelector, { matchLabels: server.labels });
    assert.equal(ingress.length, 1);
    assert.deepEqual(ingress[0]?.ports, [{ protocol: 'TCP', port: 8080 }]);
    assert.equal(ingress[0]?.from.length, 1);
    const [from] = ingress[0]?.from ?? [];
    assert.ok(selects(from?.podSelector, gateway?.labels ?? {}));
    for (const { of, labels } of podsOf(objects)) {
      if (of !== 'StatefulSet countersign-gateway') assert.ok(!selects(from?.podSelector, labels), of);
    }
    assert.deepEqual(from?.namespaceSelector, {
      matchLabels: { 'kubernetes.io/metadata.name': 'countersign' },
    });
  });

  test('U8 a gateway has longer to end than it waits for calls, whatever that is', () => {
    for (const [drain, least] of [
      [{}, 30],
      [{ acceptMilliseconds: 30_000, graceMilliseconds: 300_000 }, 340],
    ] as const) {
      const { objects } = render(needed, { gateway: { config: { gateway: { drain } } } });
      const [pod] = podsOf(objects.filter(({ metadata }) => metadata.name === 'countersign-gateway'));
      assert.ok(Number(pod?.spec['terminationGracePeriodSeconds']) >= least);
    }
  });

  test('U8 the budget and the autoscaler are those of the gateways, and the example reads its people', () => {
    const { objects } = render(needed);
    const of = (kind: string): Manifest | undefined => objects.find((each) => each.kind === kind);
    const gateway = podsOf(objects).find(({ of }) => of === 'StatefulSet countersign-gateway');
    const authority = podsOf(objects).find(({ of }) => of === 'StatefulSet countersign-authority');
    const budget = of('PodDisruptionBudget')?.spec?.['selector'];
    assert.ok(selects(budget, gateway?.labels ?? {}) && !selects(budget, authority?.labels ?? {}));
    assert.deepEqual(of('HorizontalPodAutoscaler')?.spec?.['scaleTargetRef'], {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      name: 'countersign-gateway',
    });
    const example = parse(read('keycloak-postgresql/values.yaml')) as {
      authority: { files: Record<string, string> };
    };
    assert.ok(readPeople('people.yaml', example.authority.files['people.yaml'] ?? ''));
  });
});

/** Every pod: no root, nothing writable but its volumes, no capability, no token that it does not use. */
function holdPods(objects: readonly Manifest[]): void {
  const pods = podsOf(objects);
  assert.ok(pods.length > 0);
  for (const { of, spec, containers, volumes } of pods) {
    const security = spec['securityContext'] as Readonly<Record<string, unknown>>;
    assert.equal(security['runAsNonRoot'], true, of);
    assert.ok(Number(security['runAsUser']) > 10_000, of);
    assert.deepEqual(security['seccompProfile'], { type: 'RuntimeDefault' }, of);
    assert.equal(spec['automountServiceAccountToken'], false, of);
    for (const member of ['hostNetwork', 'hostPID', 'hostIPC', 'hostUsers'])
      assert.equal(spec[member], undefined);
    const kinds = volumes.flatMap((volume) => Object.keys(volume).filter((key) => key !== 'name'));
    assert.deepEqual(
      kinds.filter((kind) => !['configMap', 'projected', 'emptyDir', 'secret'].includes(kind)),
      [],
    );
    for (const container of containers) {
      const where = `${of}, ${container.name}`;
      assert.deepEqual(
        container.securityContext,
        {
          allowPrivilegeEscalation: false,
          privileged: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        where,
      );
      assert.match(container.image, /^[a-z0-9./-]+@sha256:[0-9a-f]{64}$/, where);
      assert.ok(container.resources?.requests && container.resources.limits?.['memory'], where);
    }
  }
}

/** No secret is written down: neither as an object nor as a value. */
function holdSecrets(objects: readonly Manifest[]): void {
  assert.deepEqual(
    objects.filter(({ kind }) => kind === 'Secret'),
    [],
  );
  const harmless = new Set(['CREDENTIALS_DIRECTORY', 'MCP_SERVER_URL']);
  for (const { of, containers } of podsOf(objects)) {
    for (const { name, env = [], envFrom, args = [] } of containers) {
      assert.equal(envFrom, undefined, of);
      const values = env.filter((each) => each.value !== undefined && !harmless.has(each.name));
      assert.deepEqual(values, [], `${of}, ${name}`);
      assert.deepEqual(
        args.filter((word) => /^--(join-token|passphrase|admin)(=|$)/.test(word)),
        [],
      );
    }
  }
}

/** Every pod of ours is selected by a policy for both directions, and nothing says "from everywhere". */
function holdNetwork(objects: readonly Manifest[]): void {
  const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
  for (const { of, labels, namespace } of podsOf(objects)) {
    const own = policies.filter(
      (policy) => policy.metadata.namespace === namespace && selects(policy.spec?.['podSelector'], labels),
    );
    const directions = new Set(own.flatMap(({ spec }) => spec?.['policyTypes'] as string[]));
    assert.deepEqual([...directions].sort(), ['Egress', 'Ingress'], of);
    assert.ok(own.length >= 2, of);
  }
  for (const { spec, metadata } of policies) {
    const peers = [
      ...((spec?.['ingress'] ?? []) as { from?: object[]; ports?: object[] }[]).map(({ from, ports }) => [
        from,
        ports,
      ]),
      ...((spec?.['egress'] ?? []) as { to?: object[]; ports?: object[] }[]).map(({ to, ports }) => [
        to,
        ports,
      ]),
    ];
    for (const [who, ports] of peers) {
      assert.ok(who && who.length > 0 && ports && ports.length > 0, metadata.name);
      assert.ok(
        !JSON.stringify(who).includes('0.0.0.0/0') && !JSON.stringify(who).includes('{}'),
        metadata.name,
      );
    }
  }
}

/** What is given to the program is what this very version takes: its flags, its settings, its files. */
function holdProgram(objects: readonly Manifest[]): void {
  for (const { containers, of } of podsOf(objects)) {
    for (const { args = [], command, startupProbe, livenessProbe, readinessProbe } of containers) {
      if (!command) holdArguments(args);
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
        const words = (probe as { exec?: { command: string[] } } | undefined)?.exec?.command ?? [];
        if (words.length > 0) assert.equal(words[0], 'countersign', of);
        if (words.length > 0) holdArguments(words.slice(1));
      }
    }
  }
  for (const { data } of objects.filter(({ kind }) => kind === 'ConfigMap')) {
    const settings = data?.['countersign.yaml'];
    if (settings !== undefined) toConfig(configSchema.parse(parse(settings)));
    if (data?.['workloads.yaml'] !== undefined) readWorkloads('workloads.yaml', data['workloads.yaml']);
  }
}

function holdArguments(args: readonly string[]): void {
  const line = parseCommandLine(args, commands);
  assert.equal(line.kind, 'run', args.join(' '));
}

function config(objects: readonly Manifest[], name: string): Manifest {
  const found = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
  assert.ok(found, name);
  return found;
}
