import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasSeccomp, seccompFilter } from './seccomp.ts';

/** What the kernel's machine for classic BPF makes of a call (Linux `Documentation/networking/filter.rst`), for the instructions that are there. */
function verdict(
  filter: Uint8Array,
  call: { readonly number: number; readonly architecture: number },
): number {
  const view = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  let register = 0;
  for (let at = 0; at < filter.length / 8; at += 1) {
    const [code, jt, jf, k] = [
      view.getUint16(at * 8, true),
      view.getUint8(at * 8 + 2),
      view.getUint8(at * 8 + 3),
      view.getUint32(at * 8 + 4, true),
    ];
    if (code === 0x20) register = k === 0 ? call.number : call.architecture;
    else if (code === 0x15) at += register === k ? jt : jf;
    else if (code === 0x35) at += register >= k ? jt : jf;
    else if (code === 0x06) return k;
    else throw new Error(`instruction ${code}`);
  }
  throw new Error('no verdict');
}

const [allowed, refused, killed] = [0x7fff0000, 0x00050001, 0x80000000];

test('S3 the filter lets usual calls through, refuses the listed ones, and ends what comes by another architecture', () => {
  const x64 = (number: number, architecture = 0xc000003e) =>
    verdict(seccompFilter('x64'), { number, architecture });
  // read, write, execve, clone, futex; the last number of the table.
  for (const number of [0, 1, 59, 56, 202, 462]) assert.equal(x64(number), allowed, String(number));
  // ptrace, mount, unshare, keyctl, bpf, io_uring_setup, lookup_dcookie (the last of the list).
  for (const number of [101, 165, 272, 250, 321, 425, 212])
    assert.equal(x64(number), refused, String(number));
  assert.equal(x64(0x40000000), refused, 'the x32 form of read');
  assert.equal(x64(0x40000000 + 521), refused, 'the x32 form of ptrace');
  assert.equal(x64(0, 0x40000003), killed, 'i386');
  const arm = (number: number, architecture = 0xc00000b7) =>
    verdict(seccompFilter('arm64'), { number, architecture });
  assert.deepEqual([arm(63), arm(117), arm(63, 0xc000003e)], [allowed, refused, killed]);
});

test('S3 an architecture without a table has no filter', () => {
  assert.equal(hasSeccomp('x64'), true);
  assert.equal(hasSeccomp('mips'), false);
  assert.throws(() => seccompFilter('mips'), { code: 'internal' });
});
