import { SeededRandom } from '../test/differential/seeded-random.ts';

/** One text of the corpus, with the secret in it. */
export interface Sample {
  readonly format: string;
  readonly carrier: string;
  readonly text: string;
  readonly secret: string;
}

const digits = '0123456789';
const hex = `${digits}abcdef`;
const lower = 'abcdefghijklmnopqrstuvwxyz';
const word = `${lower}${lower.toUpperCase()}${digits}`;
const base64url = `${word}-_`;

type Draw = (alphabet: string, length: number) => string;

/** Formats of tokens as their services document them, and secrets without a format of their own. */
const formats: Readonly<Record<string, (draw: Draw) => string>> = {
  'GitHub personal token': (draw) => `ghp_${draw(word, 36)}`,
  'GitHub fine-grained token': (draw) => `github_pat_${draw(word, 22)}_${draw(word, 59)}`,
  'GitHub OAuth token': (draw) => `gho_${draw(word, 36)}`,
  'GitLab token': (draw) => `glpat-${draw(base64url, 20)}`,
  'AWS access key': (draw) => `AKIA${draw('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}`,
  'Slack bot token': (draw) => `xoxb-${draw(digits, 12)}-${draw(digits, 13)}-${draw(word, 24)}`,
  'Stripe key': (draw) => `sk_live_${draw(word, 24)}`,
  'Google API key': (draw) => `AIza${draw(base64url, 35)}`,
  'npm token': (draw) => `npm_${draw(`${lower}${digits}`, 36)}`,
  'PyPI token': (draw) => `pypi-AgEIcHlwaS5vcmc${draw(base64url, 80)}`,
  'SendGrid key': (draw) => `SG.${draw(base64url, 22)}.${draw(base64url, 43)}`,
  'Shopify token': (draw) => `shpat_${draw(hex, 32)}`,
  'DigitalOcean token': (draw) => `dop_v1_${draw(hex, 64)}`,
  'Databricks token': (draw) => `dapi${draw(hex, 32)}`,
  'Vault token': (draw) => `hvs.${draw(base64url, 95)}`,
  'Anthropic key': (draw) => `sk-ant-api03-${draw(base64url, 93)}AA`,
  'Hugging Face token': (draw) => `hf_${draw(lower, 34)}`,
  'Linear key': (draw) => `lin_api_${draw(word, 40)}`,
  'Docker Hub token': (draw) => `dckr_pat_${draw(base64url, 27)}`,
  JWT: (draw) => `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI${draw(word, 30)}.${draw(base64url, 86)}`,
  'private key': (draw) =>
    `-----BEGIN PRIVATE KEY-----\n${draw(word, 64)}\n${draw(word, 40)}\n-----END PRIVATE KEY-----`,
  'hexadecimal key': (draw) => draw(hex, 32),
  'opaque token': (draw) => draw(base64url, 32),
  password: (draw) => `${draw(lower, 5)}${draw(digits, 3)}!${draw(word, 4)}`,
};

/** How a secret stands in what a tool gives or a program logs. */
const carriers: Readonly<Record<string, (secret: string) => string>> = {
  'by itself in a line': (secret) => `Here it is: ${secret} and that is all.`,
  'a member of JSON, api_key': (secret) => JSON.stringify({ id: 7, api_key: secret, name: 'x' }),
  'a member of JSON, password': (secret) => JSON.stringify({ user: 'bob', password: secret }),
  'JSON in a string of JSON': (secret) =>
    JSON.stringify({ type: 'text', text: JSON.stringify({ access_token: secret, expires_in: 3600 }) }),
  'an environment file': (secret) => `NODE_ENV=production\nSERVICE_TOKEN=${secret}\nPORT=8080`,
  'a header': (secret) => `GET / HTTP/1.1\nHost: x\nAuthorization: Bearer ${secret}\nAccept: */*`,
  'the query of a URL': (secret) =>
    `GET https://api.example/v1?access_token=${encodeURIComponent(secret)}&page=2`,
  'the user of a URL': (secret) => `cloning https://bot:${encodeURIComponent(secret)}@git.example/x.git`,
  YAML: (secret) => `client:\n  id: 12\n  client_secret: "${secret.replaceAll('\n', '\\n')}"\n`,
  'a line of a log': (secret) =>
    `2026-11-26T20:00:00Z WARN login failed user=bob password=${secret} status=401`,
};

/** Every format in every carrier, so many times. */
export function* secretsInCarriers(times: number): Generator<Sample> {
  const random = new SeededRandom(41);
  const draw: Draw = (alphabet, length) =>
    Array.from({ length }, () => random.pick(alphabet.split(''))).join('');
  for (const [format, make] of Object.entries(formats)) {
    for (const [carrier, wrap] of Object.entries(carriers)) {
      for (let index = 0; index < times; index++) {
        const secret = make(draw);
        yield { format, carrier, text: wrap(secret), secret };
      }
    }
  }
}

/** Lines that hold no secret and look like it: digests, ids, cursors, placeholders, references, code, addresses, public keys. */
export function* harmless(times: number): Generator<string> {
  const random = new SeededRandom(42);
  const draw: Draw = (alphabet, length) =>
    Array.from({ length }, () => random.pick(alphabet.split(''))).join('');
  for (let index = 0; index < times; index++) {
    yield `sha256:${draw(hex, 64)}`;
    yield `commit ${draw(hex, 40)} by bob`;
    yield `"integrity": "sha512-${draw(word, 86)}=="`;
    yield `{"id":"${draw(hex, 8)}-${draw(hex, 4)}-4${draw(hex, 3)}-a${draw(hex, 3)}-${draw(hex, 12)}"}`;
    yield `{"token_type":"Bearer","nextPageToken":"${draw(base64url, 24)}","max_tokens":4096}`;
    yield `{"progressToken":"${draw(word, 16)}","nextCursor":"${draw(base64url, 40)}"}`;
    yield `password: env:DB_PASSWORD_${draw(digits, 2)}`;
    yield `api_key=YOUR_API_KEY_${draw(digits, 2)}`;
    yield `const token = await readToken(session${draw(digits, 3)});`;
    yield `-----BEGIN PUBLIC KEY-----\n${draw(word, 64)}\n-----END PUBLIC KEY-----`;
    yield `data:image/png;base64,iVBORw0KGgo${draw(word, 120)}`;
    yield `https://example.org:8443/items/${draw(word, 12)}?page=${draw(digits, 2)}`;
    yield `The secret of a good key is that nobody knows the password of day ${draw(digits, 3)}.`;
    yield `{"jsonrpc":"2.0","id":"${draw(base64url, 22)}","result":{"content":[]}}`;
    yield `x-request-id: ${draw(hex, 32)}`;
  }
}
