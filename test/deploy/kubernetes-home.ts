import { join } from 'node:path';

/** The Kubernetes whose schemas the chart is held to. */
export const kubernetesVersion = 'v1.37.2';
/** Where `npm run kubernetes` puts helm, kubeconform and the schemas. */
export const kubernetesHome = join(import.meta.dirname, '../../.kubernetes', kubernetesVersion);
