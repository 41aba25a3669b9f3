import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshKey } from '../../ca/specimen-request.ts';
import { readPemRequest } from '../../ca/request.ts';
import { buildRequest } from '../../x509/request.ts';
import { readEnrolment, writeCertificates } from './est-messages.ts';

const der = buildRequest(freshKey(), { commonName: 'press' });
const base64 = Buffer.from(der).toString('base64');

test('I3 an enrolment is a request in base64, in one line or in many', async () => {
  const forms = [
    base64,
    `${base64}\n`,
    base64.replace(/(.{64})/g, '$1\r\n'),
    base64.replace(/(.{76})/g, '$1\n'),
  ];
  for (const form of forms)
    assert.equal((await readPemRequest(readEnrolment(Buffer.from(form)))).commonName, 'press');
});

test('I3 an enrolment that is nothing, no base64 or too much is refused', () => {
  const bodies = ['', '\n', 'this is no base64', `${base64}=`, base64.slice(0, -1)];
  for (const body of bodies)
    assert.throws(() => readEnrolment(Buffer.from(body)), { code: 'request_invalid' }, JSON.stringify(body));
  assert.throws(() => readEnrolment(Buffer.from(der)), { code: 'request_invalid' });
  assert.throws(() => readEnrolment(Buffer.alloc(70_000, 0x41)), { code: 'too_large' });
});

test('I3 certificates are answered in one line, the first that was asked for first', () => {
  const [first, second] = [Buffer.from([0x30, 0x01, 0x02]), Buffer.from([0x30, 0x01, 0x01])];
  const text = writeCertificates([first, second]);
  assert.doesNotMatch(text, /\s/);
  const octets = Buffer.from(text, 'base64');
  assert.ok(octets.indexOf(first) < octets.indexOf(second) && octets.indexOf(first) > 0);
});
