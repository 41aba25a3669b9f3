import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hadolint } from './deploy-tools.ts';
import {
  type BuiltImage,
  type StartedImage,
  images,
  instructions,
  root,
  runContainerfile,
  runStep,
} from './run-containerfile.ts';

const walls = spawnSync('bwrap', ['--ro-bind', '/', '/', 'true']).status === 0;
const skip = walls ? false : 'needs bubblewrap, and user namespaces, in place of a container engine';

describe('U8 the image', { skip }, () => {
  let image: BuiltImage;
  before(async () => void (image = await runContainerfile()));
  after(async () => await image[Symbol.asyncDispose]());

  test('U8 its recipe, carried out, starts as a user without rights on a root that cannot be written', async () => {
    const state = image.newState('first');
    const version = await ended(image.start(['version', '--json'], state));
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    assert.equal(version.code, 0, version.said);
    const { version: own, node } = JSON.parse(version.said) as { version: string; node: string };
    assert.equal(own, manifest.version);
    assert.equal(node, process.versions.node, 'the Node.js of the lockfile');

    const passphrase = { COUNTERSIGN_PASSPHRASE: 'a passphrase of this test' };
    const init = await ended(image.start(['init'], state, passphrase));
    assert.equal(init.code, 0, init.said);
    const up = image.start(['up', '--ports', 'any', '--json'], state, passphrase);
    const listening = await firstLine(up.child);
    const health = await fetch(`${listening['ops']}/readyz`);
    assert.equal(health.status, 200, await health.text());
    assert.equal(await up.stop(), 0);
  });

  test('U8 it holds the program, its packages and Node.js: no shell, no package manager, no tests, no secrets', () => {
    const held = filesBelow(image.files);
    const programs = held.filter((each) => (statSync(join(image.files, each)).mode & 0o111) !== 0);
    const own = programs.filter((each) => !each.includes('node_modules/'));
    assert.deepEqual(own.sort(), ['opt/countersign/bin/node', 'opt/countersign/dist/launch.js']);
    assert.deepEqual(
      held.filter(
        (each) =>
          /\.test\.[jt]s$|(^|\/)\.(npmrc|env|git)|id_|\.pem$/.test(each) && !each.includes('node_modules/'),
      ),
      [],
    );
    assert.deepEqual(
      held.filter((each) => (statSync(join(image.files, each)).mode & 0o6022) !== 0),
      [],
    );
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    const packages = join(image.files, 'opt/countersign/node_modules');
    const development = Object.keys(manifest.devDependencies).filter((name) =>
      existsSync(join(packages, name)),
    );
    assert.deepEqual(development, []);
  });

  test('U8 its list of parts names every package in it, and the runtime', () => {
    const place = join(image.files, 'opt/countersign');
    const sbom = JSON.parse(readFileSync(join(place, 'sbom.cdx.json'), 'utf8')) as {
      components: { name: string; group?: string; version: string }[];
    };
    const named = new Set(sbom.components.map(({ name, version }) => `${name}@${version}`));
    const installed = filesBelow(join(place, 'node_modules'))
      .filter((each) => /(^|node_modules\/)(@[^/]+\/)?[^/]+\/package\.json$/.test(each))
      .map(
        (each) =>
          JSON.parse(readFileSync(join(place, 'node_modules', each), 'utf8')) as {
            name?: string;
            version?: string;
          },
      )
      .flatMap(({ name, version }) => (name && version ? [`${name}@${version}`] : []));
    assert.ok(installed.length > 20, `${installed.length}`);
    assert.deepEqual(
      installed.filter((each) => !named.has(each)),
      [],
    );
    assert.ok(named.has(`node@${process.versions.node}`));
  });
});

describe('U8 the recipe of the image', () => {
  test('U8 hadolint, with no rule left out, has nothing to say of it', { skip: hadolint.skip }, () => {
    const { status, stdout } = spawnSync(hadolint.program, [join(root, 'deploy/container/Containerfile')], {
      encoding: 'utf8',
    });
    assert.equal(stdout, '');
    assert.equal(status, 0);
  });

  test('U8 an image to build on that a tag names, or nothing, is refused before anything is fetched', {
    skip,
  }, async () => {
    const first = instructions.find(({ word }) => word === 'RUN')?.rest ?? '';
    const folder = await mkdtemp(join(tmpdir(), 'countersign-recipe-'));
    try {
      assert.equal(runStep(first, folder, images).status, 0);
      const wrong = ['', 'node', 'node:26', 'node:latest', 'node@sha256:00', `${images.RUN_IMAGE}0`];
      for (const image of wrong) {
        for (const name of ['BUILD_IMAGE', 'RUN_IMAGE']) {
          const { status, said } = runStep(first, folder, { ...images, [name]: image });
          assert.equal(status, 1, image);
          assert.match(said, /not named by its digest/);
        }
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

async function ended({
  child,
}: StartedImage): Promise<{ readonly code: number | null; readonly said: string }> {
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

async function firstLine(child: ChildProcess): Promise<Readonly<Record<string, string>>> {
  let said = '';
  const line = await new Promise<string>((resolve, reject) => {
    const hear = (text: string): void => {
      said += text;
      const [first, ...more] = said.split('\n');
      if (more.length > 0) resolve(first ?? '');
    };
    child.stdout?.setEncoding('utf8').on('data', hear);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => void (said += text));
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${said}`)));
  });
  return (JSON.parse(line) as { listening: Readonly<Record<string, string>> }).listening;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(folder.length + 1));
}
