import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { helm, kubeconform } from './deploy-tools.ts';
import { kubernetesHome } from './kubernetes-home.ts';

const root = join(import.meta.dirname, '../..');
export const chart = join(root, 'deploy/helm/countersign');

/** A value of a manifest; what a test reads of it, it knows. */
export type Manifest = {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
};
export type Values = Readonly<Record<string, unknown>>;

const zeros = '0'.repeat(64);
/** What has no default. */
export const needed = {
  image: { repository: 'registry.example.internal/countersign', digest: `sha256:${zeros}` },
  trustDomain: 'agents.example.internal',
  rootFingerprint: `sha256:${zeros}`,
  cluster: { issuer: 'https://kubernetes.default.svc.cluster.local', keys: '{"keys":[]}' },
  authority: { passphrase: { secret: 'countersign-passphrase' } },
};

/** What helm makes of values, as text and as objects; `code` is not 0 where it refuses. */
export function render(...values: readonly Values[]): {
  readonly code: number | null;
  readonly text: string;
  readonly said: string;
  readonly objects: readonly Manifest[];
} {
  const { status, stdout, stderr } = withValues(values, (flags) =>
    runHelm([
      'template',
      'countersign',
      chart,
      '--namespace',
      'countersign',
      '--kube-version',
      '1.37.2',
      ...flags,
    ]),
  );
  return { code: status, text: stdout, said: stderr, objects: status === 0 ? manifestsOf(stdout) : [] };
}

/** What `helm lint --strict` says; '' when it has nothing to object to. */
export function lint(...values: readonly Values[]): string {
  const { status, stdout, stderr } = withValues(values, (flags) =>
    runHelm(['lint', '--strict', '--quiet', '--kube-version', '1.37.2', chart, ...flags]),
  );
  return status === 0 ? '' : `${stdout}${stderr}`;
}

/** What kubeconform says of manifests, strictly; '' when all are as Kubernetes describes them. */
export function conform(text: string): string {
  const schemas = join(kubernetesHome, 'schemas/{{.ResourceKind}}{{.KindSuffix}}.json');
  const words = ['-strict', '-output', 'text', '-schema-location', schemas, '-'];
  const { status, stdout, stderr } = spawnSync(kubeconform.program, words, { encoding: 'utf8', input: text });
  return status === 0 ? '' : `${stdout}${stderr}`;
}

export function manifestsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [problem] = document.errors;
    if (problem) throw new Error(`What helm made is no YAML: ${problem.message}`);
    const value = document.toJS() as Manifest | null;
    return value === null ? [] : [value];
  });
}

function withValues<Result>(values: readonly Values[], use: (flags: readonly string[]) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-values-'));
  try {
    return use(
      values.flatMap((each, at) => {
        const file = join(folder, `${at}.yaml`);
        writeFileSync(file, stringify(each));
        return ['--values', file];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runHelm(words: readonly string[]) {
  return spawnSync(helm.program, words, { encoding: 'utf8', maxBuffer: 16 * 1_048_576 });
}
