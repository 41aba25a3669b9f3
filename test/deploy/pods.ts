import type { Manifest } from './chart.ts';

/** A container of a pod, as far as tests look at it. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly envFrom?: unknown;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly resources?: { readonly requests?: object; readonly limits?: Readonly<Record<string, string>> };
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
    readonly readOnly?: boolean;
  }[];
  readonly [member: string]: unknown;
}

/** A pod, or the template of pods, with where it stands. */
export interface Pod {
  readonly of: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly Container[];
  readonly volumes: readonly Readonly<Record<string, unknown>>[];
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Every pod that the objects make. */
export function podsOf(objects: readonly Manifest[]): readonly Pod[] {
  return objects.flatMap((object) => {
    const template = object.kind === 'Pod' ? object : (object.spec?.['template'] as Manifest | undefined);
    if (!template?.spec) return [];
    const {
      containers = [],
      initContainers = [],
      volumes = [],
    } = template.spec as {
      containers?: Container[];
      initContainers?: Container[];
      volumes?: Readonly<Record<string, unknown>>[];
    };
    return [
      {
        of: `${object.kind} ${object.metadata.name}`,
        namespace: object.metadata.namespace ?? 'default',
        labels: template.metadata.labels ?? {},
        containers: [...initContainers, ...containers],
        volumes,
        spec: template.spec,
      },
    ];
  });
}

/** Whether a selector of labels selects a pod; one that selects everything has none. */
export function selects(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  const wanted = (selector as { matchLabels?: Readonly<Record<string, string>> }).matchLabels ?? {};
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}
