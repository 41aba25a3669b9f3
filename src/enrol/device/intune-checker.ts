import type { Client } from '../../http/fetch.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { ClientCredentials } from './client-credentials.ts';
import type { DeviceChecker, DeviceVerdict } from './device-checker.ts';
import { onlyOne, readRegister } from './register-client.ts';

export interface IntuneOptions {
  /** Where Microsoft Graph answers, without a path. */
  readonly url: string;
  readonly credentials: ClientCredentials;
  readonly client: Client;
  /** Whether a device that is not compliant but has a period of grace is let through. */
  readonly grace: boolean;
}

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Asks Microsoft Intune for the `complianceState` of a managed device (Microsoft Graph v1.0, `managedDevice`), found by its id
 * or else by its serial number. Of the states `compliant` alone is one, and `inGracePeriod` where that is chosen.
 */
export function intuneChecker({ url, credentials, client, grace }: IntuneOptions): DeviceChecker {
  const devices = new URL('/v1.0/deviceManagement/managedDevices', url).href;
  const select = '$select=id,serialNumber,complianceState';
  const find = async (device: string): Promise<JsonObject | null> => {
    if (guid.test(device)) return await readRegister(`${devices}/${device}?${select}`, client, credentials);
    // OData doubles a quotation mark in a literal.
    const filter = encodeURIComponent(`serialNumber eq '${device.replaceAll("'", "''")}'`);
    const page = await readRegister(`${devices}?$filter=${filter}&${select}`, client, credentials);
    return page && onlyOne(page['value']);
  };
  return {
    async ask({ device }): Promise<DeviceVerdict> {
      const found = await find(device);
      if (!found || !isSame(found, device))
        return { compliant: false, reason: 'Intune does not know the device' };
      const said = found['complianceState'];
      const state = typeof said === 'string' ? said.slice(0, 50) : 'nothing';
      const compliant = state === 'compliant' || (grace && state === 'inGracePeriod');
      return { compliant, reason: `Intune says ${state}` };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** A filter that a server does not apply must not make another device this one. */
function isSame(found: JsonObject, device: string): boolean {
  return [found['id'], found['serialNumber']].some(
    (value) => typeof value === 'string' && value.toLowerCase() === device.toLowerCase(),
  );
}
