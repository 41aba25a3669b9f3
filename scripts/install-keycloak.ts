import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keycloakHome, keycloakJava, keycloakVersion } from '../test/interop/keycloak/keycloak-home.ts';

/**
 * Installs the Keycloak that tests use below `.keycloak`, and builds it for PostgreSQL and client certificates, which its start would do otherwise.
 * Needs mvn, a Java runtime (17 or later) and tar.
 */
const sha256 = 'f771df0aa1e4820f57d56f7d6d015beb6415487b43f8de7e5a6d48f8a7fe118a';
const copy = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';
const artifact = `org.keycloak:keycloak-quarkus-dist:${keycloakVersion}:tar.gz`;

if (!existsSync(keycloakHome)) install();

function install(): void {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-keycloak-'));
  try {
    run('mvn', ['-q', '-B', copy, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`]);
    const archive = join(folder, `keycloak-quarkus-dist-${keycloakVersion}.tar.gz`);
    const found = createHash('sha256').update(readFileSync(archive)).digest('hex');
    if (found !== sha256) throw new Error(`${archive} is not the archive that was chosen: ${found}`);
    const half = `${keycloakHome}.half`;
    rmSync(half, { recursive: true, force: true });
    mkdirSync(half, { recursive: true });
    run('tar', ['-xzf', archive, '-C', half, '--strip-components=1']);
    run('sh', [join(half, 'bin/kc.sh'), 'build', '--db=postgres', '--https-client-auth=request']);
    renameSync(half, keycloakHome);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(command: string, words: readonly string[]): void {
  const env = { ...process.env, ...keycloakJava };
  const { status, error } = spawnSync(command, words, { stdio: 'inherit', env });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} failed`, { cause: error });
}
