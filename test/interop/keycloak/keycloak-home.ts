import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { missing } from '../missing.ts';

export const keycloakVersion = '26.7.0';

/** Where `npm run keycloak` puts it. */
export const keycloakHome = join(import.meta.dirname, '../../../.keycloak', keycloakVersion);

/** It starts in half the processor time without the second compiler of Java, which pays for servers that stay up. */
export const keycloakJava = {
  JAVA_OPTS_GC: '-XX:+UseSerialGC',
  JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1',
};

/** Why tests that need it cannot run here, or false. */
export function missingKeycloak(): string | false {
  if (!existsSync(keycloakHome)) return 'not installed here: npm run keycloak';
  return missing('java', 'pg_ctlcluster', 'chromium');
}
