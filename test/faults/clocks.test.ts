import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../interop/missing.ts';
import { isAnswered, openCaller } from './kit/caller.ts';
import { openEchoServer } from './kit/echo-server.ts';
import { moveTime } from './kit/moved-time.ts';
import { openProcessTown } from './kit/process-town.ts';
import { until } from './kit/until.ts';

const skip = missing('faketime');

test('T1 a gateway whose clock is set back or forth serves no certificate that has ended, says what is wrong, and goes on when it is right', {
  skip,
  timeout: 180_000,
}, async () => {
  await using echo = await openEchoServer();
  await using town = await openProcessTown();
  await town.addHttpServer('echo', echo.url);
  await town.permit('permit (principal, action, resource);');
  await town.addAgent('ci-bot');
  const time = moveTime(join(town.root, 'time'));
  // An hour's certificate that ends two minutes from now by the clock of the gateway, once that is put forth.
  const shown = await town.issue('ci-bot');
  const gateway = await town.startGateway('edge', { environment: time.environment });
  using caller = openCaller(gateway.endpoint('echo'), shown);
  const answer = async (): Promise<string> => {
    const given = await caller.call('hi');
    return isAnswered(given) ? 'answered' : `${given.failure} ${given.body}`;
  };
  const becomes = (pattern: RegExp) => until(String(pattern), async () => pattern.test(await answer()));
  await becomes(/^answered$/);
  for (const { minutes, refusal } of [
    { minutes: 90, refusal: /certificate_expired|certificate expired|has expired|ended/ },
    { minutes: -90, refusal: /clock/ },
  ]) {
    time.set(minutes);
    await becomes(refusal);
    const reached = echo.reached.length;
    // A connection may be cut as well, and then nothing is said on it.
    for (let at = 0; at < 20; at += 1) assert.notEqual(await answer(), 'answered');
    assert.equal(echo.reached.length, reached, `nothing reached the server with a clock ${minutes} min off`);
    time.set(0);
    await becomes(/^answered$/);
  }
});

test('T1 a gateway whose clock is behind that of its authority lets nobody in with a certificate that has ended there', {
  skip,
  timeout: 180_000,
}, async () => {
  await using echo = await openEchoServer();
  await using town = await openProcessTown();
  const time = moveTime(join(town.root, 'time'));
  await town.again({ environment: time.environment });
  await town.addHttpServer('echo', echo.url);
  await town.permit('permit (principal, action, resource);');
  await town.addAgent('ci-bot');
  const shown = await town.issue('ci-bot');
  const gateway = await town.startGateway('edge');
  using caller = openCaller(gateway.endpoint('echo'), shown);
  const becomes = (pattern: RegExp) =>
    until(String(pattern), async () => pattern.test((await caller.call('hi')).body));
  await becomes(/echo hi/);
  // An hour and a half goes by at the authority, and none at the gateway: the certificate of an hour looks good there.
  time.set(90);
  await becomes(/Set the clocks right.*clock_behind/s);
  const reached = echo.reached.length;
  for (let at = 0; at < 20; at += 1) assert.equal(isAnswered(await caller.call('hi')), false);
  assert.equal(echo.reached.length, reached, 'nothing reached the server');
  time.set(0);
  await becomes(/echo hi/);
});

test('I1 an authority whose clock was set back issues nothing and says why, while what was issued is served', {
  skip,
  timeout: 180_000,
}, async () => {
  await using echo = await openEchoServer();
  await using town = await openProcessTown();
  const time = moveTime(join(town.root, 'time'));
  await town.again({ environment: time.environment });
  await town.addHttpServer('echo', echo.url);
  await town.permit('permit (principal, action, resource);');
  await town.addAgent('ci-bot');
  const shown = await town.issue('ci-bot');
  const gateway = await town.startGateway('edge');
  using caller = openCaller(gateway.endpoint('echo'), shown);
  const answered = async (): Promise<boolean> => isAnswered(await caller.call('hi'));
  await until('a first answer', answered);
  time.set(30);
  await town.issue('ci-bot');
  time.set(10);
  const before = (await town.list('certificate.list', {})).length;
  await assert.rejects(town.issue('ci-bot'), { code: 'clock_behind' });
  assert.equal((await town.list('certificate.list', {})).length, before, 'no serial was reserved');
  time.set(31);
  await town.issue('ci-bot');
  time.set(0);
  await assert.rejects(town.issue('ci-bot'), { code: 'clock_behind' });
  await until('an answer', answered);
});
