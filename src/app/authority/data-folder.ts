import { join } from 'node:path';
import {
  attestationFileName,
  auditExportFileName,
  clientsFileName,
  issuanceFileName,
  peopleFileName,
  storeFileName,
  workloadsFileName,
} from '../config/file-names.ts';

/** Where everything of an authority lies on disk. All of it is 0600 in a 0700 folder. */
export interface DataFolder {
  readonly folder: string;
  /** Written last by `init`; its presence says the folder is whole. */
  readonly marker: string;
  readonly rootCertificate: string;
  /** The sealed root key, or absent when the root is kept offline. */
  readonly rootKey: string;
  /** What the root has revoked; signed with the root key. */
  readonly rootCrl: string;
  readonly intermediateCertificate: string;
  readonly intermediateKey: string;
  /** While an issuer is being replaced: all of them, and how far it has come. It then counts instead of the files above. */
  readonly issuers: string;
  /** Where the key of the next intermediate shall live, put there by the owner of the folder; usually not there. */
  readonly nextKey: string;
  readonly auditKey: string;
  /** The sealed key of the registration authority of SCEP, once that was switched on. */
  readonly registrationKey: string;
  readonly database: string;
  /** Where the state is, if it is not in `database`; usually not there. */
  readonly store: string;
  readonly authorityLog: string;
  readonly gatewayLog: string;
  /** Where the logs are exported to; it need not be there. */
  readonly auditExport: string;
  /** What the authority has signed of the logs of its gateways. */
  readonly witness: string;
  /** What agents have used, for as long as that counts. */
  readonly gatewayFlows: string;
  readonly policies: string;
  /** The issuers of JWTs to workloads; it need not be there. */
  readonly workloads: string;
  /** The clients of the authorization server that are not agents; it need not be there. */
  readonly clients: string;
  /** Whose attestations of devices count; it need not be there. */
  readonly attestation: string;
  /** What is asked for before a certificate is issued; it need not be there. */
  readonly issuance: string;
  /** The providers at which people log in; it need not be there. */
  readonly people: string;
  /** The first administrator's certificate and key. */
  readonly admin: string;
  /** Held while a process uses the folder. */
  readonly lock: string;
  /** Where the process that uses the folder answers. */
  readonly running: string;
  /** Which of the authorities of a store this is; not there while there is one. */
  readonly instance: string;
  /** Made by `restore`, and gone once the log says so. */
  readonly restored: string;
}

export function dataFolder(folder: string): DataFolder {
  const at = (name: string): string => join(folder, name);
  return {
    folder,
    marker: at('authority.json'),
    rootCertificate: at('root.pem'),
    rootKey: at('root-key.json'),
    rootCrl: at('root.crl'),
    intermediateCertificate: at('intermediate.pem'),
    intermediateKey: at('intermediate-key.json'),
    issuers: at('issuers.json'),
    nextKey: at('next-key.json'),
    auditKey: at('audit-key.json'),
    registrationKey: at('registration-key.json'),
    database: at('state.db'),
    store: at(storeFileName),
    authorityLog: at('authority-log'),
    gatewayLog: at('gateway-log'),
    auditExport: at(auditExportFileName),
    witness: at('witness'),
    gatewayFlows: at('gateway-flows.jsonl'),
    policies: at('policies'),
    workloads: at(workloadsFileName),
    attestation: at(attestationFileName),
    clients: at(clientsFileName),
    issuance: at(issuanceFileName),
    people: at(peopleFileName),
    admin: at('admin'),
    lock: at('lock.db'),
    running: at('running.json'),
    instance: at('instance.json'),
    restored: at('restored.json'),
  };
}
