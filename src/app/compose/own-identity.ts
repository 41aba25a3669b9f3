import { generateKeyPairSync } from 'node:crypto';
import type { TlsMaterial } from '../../http/exchange.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText } from '../../kernel/fault.ts';
import { encodePem } from '../../x509/pem.ts';
import { buildRequest } from '../../x509/request.ts';
import type { Delivery } from '../../enrol/delivery.ts';

/** A certificate of our own whose key never leaves this process, renewed for as long as the process lives. */
export interface OwnIdentity extends Disposable {
  current(): TlsMaterial;
  /** Calls the listener with every renewed certificate. */
  onRenewed(listener: (material: TlsMaterial) => void): void;
}

/** The longest time one timer can wait, in milliseconds. */
const longestTimer = 2 ** 31 - 1;
const retryMilliseconds = 30_000;

/**
 * Gets a certificate for a fresh key and a new one, with a new key, each time `renewAt` comes. A renewal that fails is
 * tried again every half minute; the old certificate stays until then.
 */
export async function holdOwnIdentity(options: {
  readonly name: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** `replaces`: the serial of the certificate before. */
  readonly issue: (csr: string, replaces?: string) => Promise<Delivery>;
  /** Calls the listener when a new certificate is wanted before its time: another intermediate issues, roots changed. */
  readonly onChange?: (listener: () => Promise<void>) => () => void;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}): Promise<OwnIdentity> {
  const { name, dnsNames, ipAddresses, clock } = options;
  const listeners: ((material: TlsMaterial) => void)[] = [];
  let serial: string | undefined;
  const obtain = async (): Promise<{ material: TlsMaterial; renewAt: number }> => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const csr = encodePem(
      'CERTIFICATE REQUEST',
      buildRequest(privateKey, { commonName: name }, { dnsNames, ipAddresses }),
    );
    const delivery = await options.issue(csr, serial);
    serial = delivery.serial;
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    return {
      material: { certificate: delivery.certificate, key, clientAuthorities: delivery.roots },
      renewAt: delivery.renewAt,
    };
  };
  let { material, renewAt } = await obtain();
  let timer: NodeJS.Timeout | null = null;
  const wait = (milliseconds: number): void => {
    if (timer) clearTimeout(timer);
    timer = setTimeout(() => void turn(), Math.min(longestTimer, Math.max(1_000, milliseconds)));
    timer.unref();
  };
  let wanted = false;
  let busy = false;
  const turn = async (): Promise<void> => {
    if (busy) return;
    if (!wanted && clock.now() < renewAt) return wait(renewAt - clock.now());
    busy = true;
    wanted = false;
    try {
      ({ material, renewAt } = await obtain());
      for (const listener of listeners) listener(material);
      wait(wanted ? 0 : renewAt - clock.now());
    } catch (error) {
      wanted = true;
      options.log(`The certificate of ${name} could not be renewed: ${errorText(error)} It is tried again.`);
      wait(retryMilliseconds);
    } finally {
      busy = false;
    }
  };
  const stop = options.onChange?.(() => {
    wanted = true;
    return turn();
  });
  wait(renewAt - clock.now());
  return {
    current: () => material,
    onRenewed: (listener) => void listeners.push(listener),
    [Symbol.dispose]() {
      stop?.();
      if (timer) clearTimeout(timer);
    },
  };
}
