/** How a server that is started is kept apart from the machine. */
export type IsolationKind = 'bubblewrap' | 'podman' | 'docker' | 'none';

/** What a process of a server may use up; a limit holds for each of its processes, unless said otherwise. */
export interface ProcessLimits {
  /** Data of a process in memory, in octets. */
  readonly memoryBytes: number;
  /** Processes and threads of the whole server. */
  readonly processes: number;
  /** Processor time of a process, in seconds. */
  readonly cpuSeconds: number;
  /** Files that are open at once. */
  readonly openFiles: number;
  /** The largest file that is written, and what fits into its home and into /tmp, in octets. */
  readonly fileBytes: number;
}

/** Walls that may be missing on a machine, and that an operator may do without by name. */
export const walls = ['namespaces', 'seccomp', 'limits'] as const;
export type Wall = (typeof walls)[number];

/** The isolation of one stdio server. */
export interface Isolation {
  readonly by: IsolationKind;
  /** Whether it has the network of the machine; it has none unless that is granted. */
  readonly network: boolean;
  /** Absolute paths that it sees besides the system's programs and libraries, and cannot change. */
  readonly read: readonly string[];
  /** Absolute paths that it may change. */
  readonly write: readonly string[];
  readonly limits: ProcessLimits;
  /** Walls that it is started without where the machine does not have them. */
  readonly without: readonly Wall[];
  /** The image of a container, by digest; null where it is none. */
  readonly image: string | null;
  /** What files and folders have to be before it is started: their digest, by absolute path. */
  readonly digests: Readonly<Record<string, string>>;
}

export const defaultLimits: ProcessLimits = Object.freeze({
  memoryBytes: 2 * 1_024 ** 3,
  processes: 256,
  cpuSeconds: 3_600,
  openFiles: 1_024,
  fileBytes: 512 * 1_024 ** 2,
});

export const defaultIsolation: Isolation = Object.freeze({
  by: 'bubblewrap',
  network: false,
  read: Object.freeze([]),
  write: Object.freeze([]),
  limits: defaultLimits,
  without: Object.freeze([]),
  image: null,
  digests: Object.freeze({}),
});
