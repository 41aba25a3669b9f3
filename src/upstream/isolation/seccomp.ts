import { Fault } from '../../kernel/fault.ts';

/**
 * System calls that a tool server has no use for and that widen what an attacker within one can reach: looking into other
 * processes, mounts and namespaces, the kernel's keys, modules and tracing, io_uring. Each gives EPERM.
 * Numbers: `asm/unistd_64.h` of Linux for x86-64, `asm-generic/unistd.h` for arm64.
 */
const refused: readonly (readonly [name: string, x64: number, arm64: number])[] = [
  ['ptrace', 101, 117],
  ['process_vm_readv', 310, 270],
  ['process_vm_writev', 311, 271],
  ['kcmp', 312, 272],
  ['pidfd_getfd', 438, 438],
  ['process_madvise', 440, 440],
  ['mount', 165, 40],
  ['umount2', 166, 39],
  ['pivot_root', 155, 41],
  ['chroot', 161, 51],
  ['open_tree', 428, 428],
  ['move_mount', 429, 429],
  ['fsopen', 430, 430],
  ['fsconfig', 431, 431],
  ['fsmount', 432, 432],
  ['fspick', 433, 433],
  ['mount_setattr', 442, 442],
  ['unshare', 272, 97],
  ['setns', 308, 268],
  ['open_by_handle_at', 304, 265],
  ['name_to_handle_at', 303, 264],
  ['keyctl', 250, 219],
  ['add_key', 248, 217],
  ['request_key', 249, 218],
  ['bpf', 321, 280],
  ['perf_event_open', 298, 241],
  ['userfaultfd', 323, 282],
  ['io_uring_setup', 425, 425],
  ['io_uring_enter', 426, 426],
  ['io_uring_register', 427, 427],
  ['init_module', 175, 105],
  ['finit_module', 313, 273],
  ['delete_module', 176, 106],
  ['kexec_load', 246, 104],
  ['kexec_file_load', 320, 294],
  ['reboot', 169, 142],
  ['swapon', 167, 224],
  ['swapoff', 168, 225],
  ['acct', 163, 89],
  ['quotactl', 179, 60],
  ['personality', 135, 92],
  ['syslog', 103, 116],
  ['settimeofday', 164, 170],
  ['clock_settime', 227, 112],
  ['clock_adjtime', 305, 266],
  ['lookup_dcookie', 212, 18],
];

/** `linux/audit.h`: the architectures that the numbers above are of. */
const architectures: Readonly<Record<string, { readonly audit: number; readonly column: 1 | 2 }>> = {
  x64: { audit: 0xc000003e, column: 1 },
  arm64: { audit: 0xc00000b7, column: 2 },
};

// linux/bpf_common.h, linux/seccomp.h.
const load = 0x20;
const jumpIfEqual = 0x15;
const jumpIfAtLeast = 0x35;
const give = 0x06;
const killProcess = 0x80000000;
const refuse = 0x00050001;
const allow = 0x7fff0000;
/** Calls of the x32 form have other numbers and the same architecture. */
const x32 = 0x40000000;

export function hasSeccomp(architecture: string): boolean {
  return Object.hasOwn(architectures, architecture);
}

/** The filter as the kernel takes it (`struct sock_filter`, little-endian). Throws Fault `internal` for an architecture without a table. */
export function seccompFilter(architecture: string): Uint8Array {
  const row = architectures[architecture];
  if (!row) throw new Fault('internal', `There is no table of system calls for ${architecture}.`);
  const numbers = refused.map((entry) => entry[row.column]);
  // Jumps count instructions from the next one on; what is refused goes to the last but one.
  const program: (readonly [code: number, jt: number, jf: number, k: number])[] = [
    [load, 0, 0, 4],
    [jumpIfEqual, 1, 0, row.audit],
    [give, 0, 0, killProcess],
    [load, 0, 0, 0],
    [jumpIfAtLeast, numbers.length + 1, 0, x32],
    ...numbers.map((number, index) => [jumpIfEqual, numbers.length - index, 0, number] as const),
    [give, 0, 0, allow],
    [give, 0, 0, refuse],
  ];
  const octets = Buffer.alloc(program.length * 8);
  for (const [index, [code, jt, jf, k]] of program.entries()) {
    octets.writeUInt16LE(code, index * 8);
    octets.writeUInt8(jt, index * 8 + 2);
    octets.writeUInt8(jf, index * 8 + 3);
    octets.writeUInt32LE(k, index * 8 + 4);
  }
  return octets;
}
