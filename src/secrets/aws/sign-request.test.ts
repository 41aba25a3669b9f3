import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import * as fc from 'fast-check';
import { signRequest } from './sign-request.ts';

interface Sent {
  readonly method: string;
  readonly hostname: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the SDK would send, with its signature. */
async function sentBySdk(
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
  keyId: string,
): Promise<Sent> {
  let sent: Sent | null = null;
  const client = new KMSClient({
    region: 'eu-central-1',
    credentials,
    maxAttempts: 1,
    requestHandler: {
      handle(request: Sent) {
        sent = request;
        return Promise.reject(new Error('nothing is sent'));
      },
    },
  });
  await client.send(new DescribeKeyCommand({ KeyId: keyId })).catch(() => undefined);
  if (!sent) throw new Error('nothing was to be sent');
  return sent;
}

test('S1 signs what the AWS SDK signs, octet by octet', async () => {
  const secret = fc.string({
    minLength: 1,
    maxLength: 60,
    unit: fc.constantFrom('a', 'b', 'X', 'Z', '0', '9', '/', '+', '='),
  });
  await fc.assert(
    fc.asyncProperty(secret, fc.option(secret), fc.string({ maxLength: 40 }), async (key, session, keyId) => {
      const credentials = {
        accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        secretAccessKey: key,
        ...(session !== null && { sessionToken: session }),
      };
      const sent = await sentBySdk(credentials, keyId);
      const { authorization = '', ...others } = sent.headers;
      const [, names = ''] = /SignedHeaders=([^,]+)/.exec(authorization) ?? [];
      const own = names
        .split(';')
        .filter((name) => !['host', 'x-amz-date', 'x-amz-security-token'].includes(name));
      const date = others['x-amz-date'] ?? '';
      const now = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
      const signed = signRequest(
        {
          method: sent.method,
          url: new URL(`https://${sent.hostname}${sent.path}`),
          headers: Object.fromEntries(own.map((name) => [name, others[name] ?? ''])),
          body: sent.body,
        },
        { region: 'eu-central-1', service: 'kms', now },
        { ...credentials, sessionToken: session },
      );
      assert.equal(signed['authorization'], authorization);
    }),
    { numRuns: 50 },
  );
});

test('S1 signs path and query as the published example says (AWS Signature Version 4, get-vanilla)', () => {
  const signed = signRequest(
    { method: 'GET', url: new URL('https://example.amazonaws.com/'), headers: {}, body: '' },
    { region: 'us-east-1', service: 'service', now: Date.UTC(2015, 7, 30, 12, 36, 0) },
    {
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
      sessionToken: null,
    },
  );
  assert.equal(
    signed['authorization'],
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, ' +
      'Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  );
});
