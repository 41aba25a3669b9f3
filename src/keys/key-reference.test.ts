import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNever } from '../kernel/assert-never.ts';
import { Fault } from '../kernel/fault.ts';
import { writeAwsKmsReference } from './aws-kms/reference.ts';
import { type KeyReference, readKeyReference } from './key-reference.ts';
import { writePkcs11Reference } from './pkcs11/reference.ts';
import { writeVaultReference } from './vault/reference.ts';

const arn = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

const whole = [
  'vault:transit/keys/countersign?address=https://vault.example.internal:8200&version=3&ca=/etc/vault.pem&token=file:/run/token',
  'vault:team/transit/keys/ca?address=https://vault:8200&namespace=team/a&role-id=1-2&secret-id=env:SECRET_ID&login-mount=approle',
  'vault:transit/keys/ca?address=http://127.0.0.1:8200&certificate=/c.pem&certificate-key=/k.pem&role=ca&login-mount=cert',
  `aws-kms:${arn}`,
  'aws-kms:alias/countersign?region=eu-central-1&endpoint=https://kms.example.internal&profile=ca',
  'pkcs11:token=My%20token;serial=0815;object=ca;id=%01%a2;type=private?module-path=/usr/lib/p.so&pin-source=file:/etc/pin',
];

for (const text of whole) {
  test(`I8 reads and writes ${text.slice(0, 60)}`, () => {
    const reference = readKeyReference(text, {});
    assert.equal(write(reference), text);
    assert.deepEqual(readKeyReference(write(reference), {}), reference);
  });
}

test('I8 what a reference leaves out comes from the variables that the tools of that field use, and is then written down', () => {
  const vault = readKeyReference('vault:transit/keys/ca', {
    VAULT_ADDR: 'https://vault:8200/',
    VAULT_NAMESPACE: 'team',
    VAULT_CACERT: '/ca.pem',
  });
  assert.equal(
    write(vault),
    'vault:transit/keys/ca?address=https://vault:8200&namespace=team&ca=/ca.pem&token=env:VAULT_TOKEN',
  );
  const kms = readKeyReference('aws-kms:alias/ca', { AWS_REGION: 'us-east-1', AWS_PROFILE: 'ca' });
  assert.equal(write(kms), 'aws-kms:alias/ca?region=us-east-1&profile=ca');
});

test('I8 a PIN file may be named by a path or a file: URI, as RFC 7512 has it', () => {
  for (const source of ['/etc/pin', 'file:/etc/pin', 'file:///etc/pin']) {
    const read = readKeyReference(`pkcs11:token=t;object=o?module-path=/p.so&pin-source=${source}`, {});
    assert.equal(read.kind === 'pkcs11' && read.pinSource, 'file:/etc/pin');
  }
});

const refused: Readonly<Record<string, string>> = {
  'another scheme': 'gcp-kms:projects/p',
  'a secret in place of where it is kept': 'vault:transit/keys/ca?address=https://v&token=hvs.abcdefgh',
  'a PIN': 'pkcs11:token=t;object=o?module-path=/p.so&pin-value=1234',
  'a command for the PIN': 'pkcs11:token=t;object=o?module-path=/p.so&pin-source=%7Ccat%20/etc/pin',
  'plain HTTP to another machine': 'vault:transit/keys/ca?address=http://vault.example.internal:8200',
  'an address with a path': 'vault:transit/keys/ca?address=https://v/ui',
  'no address': 'vault:transit/keys/ca',
  'a path out of the engine': 'vault:transit/../sys/keys/ca?address=https://v',
  'two ways to log in': 'vault:transit/keys/ca?address=https://v&token=env:T&role-id=1&secret-id=env:S',
  'half a login': 'vault:transit/keys/ca?address=https://v&role-id=1',
  'a relative file': 'vault:transit/keys/ca?address=https://v&ca=ca.pem',
  'a version that is no number': 'vault:transit/keys/ca?address=https://v&version=latest',
  'a slip in a name': 'vault:transit/keys/ca?address=https://v&tokn=env:T',
  'a name twice': 'vault:transit/keys/ca?address=https://v&address=https://w',
  'no region': 'aws-kms:alias/ca',
  'a region that is not the one of the ARN': `aws-kms:${arn}?region=us-east-1`,
  'something that is no key of KMS': 'aws-kms:../../x?region=us-east-1',
  'no token': 'pkcs11:object=o?module-path=/p.so&pin-source=/pin',
  'no key on the token': 'pkcs11:token=t?module-path=/p.so&pin-source=/pin',
  'no library': 'pkcs11:token=t;object=o?pin-source=/pin',
  'a library by its name alone': 'pkcs11:token=t;object=o?module-path=p.so&pin-source=/pin',
  'a public key': 'pkcs11:token=t;object=o;type=public?module-path=/p.so&pin-source=/pin',
};

for (const [what, text] of Object.entries(refused)) {
  test(`I8 refuses a key reference with ${what}`, () => {
    assert.throws(
      () => readKeyReference(text, {}),
      (error) => {
        assert.ok(error instanceof Fault && error.code === 'invalid_input');
        // What was given might be a secret.
        assert.doesNotMatch(error.message, /hvs\.|1234/);
        return true;
      },
    );
  });
}

function write(reference: KeyReference): string {
  switch (reference.kind) {
    case 'vault':
      return writeVaultReference(reference);
    case 'aws-kms':
      return writeAwsKmsReference(reference);
    case 'pkcs11':
      return writePkcs11Reference(reference);
    default:
      return assertNever(reference);
  }
}
