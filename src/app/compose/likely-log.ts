import { LikelyCuts } from '../../secrets/redaction/likely-cuts.ts';
import { lazyLikelySecrets } from '../../secrets/redaction/likely-secrets.ts';

/** A log without what looks like a secret: nobody needs one there, and one word too few is no loss. */
export function withoutLikelySecrets(log: (line: string) => void): (line: string) => void {
  const secrets = lazyLikelySecrets();
  return (line) => log(Buffer.from(new LikelyCuts(secrets, 'text').whole(Buffer.from(line))).toString());
}
