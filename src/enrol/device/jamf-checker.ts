import type { Client } from '../../http/fetch.ts';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { ClientCredentials } from './client-credentials.ts';
import type { DeviceChecker, DeviceVerdict } from './device-checker.ts';
import { onlyOne, readRegister } from './register-client.ts';

export interface JamfOptions {
  /** Where Jamf Pro answers, without a path. */
  readonly url: string;
  /** The smart group whose computers are compliant. */
  readonly group: string;
  readonly credentials: ClientCredentials;
  readonly client: Client;
}

/**
 * Asks Jamf Pro whether a computer is in a smart group (`/api/v1/computers-inventory`, section GROUP_MEMBERSHIPS), found by its
 * serial number or its UDID. What is compliant the criteria of that group say.
 */
export function jamfChecker({ url, group, credentials, client }: JamfOptions): DeviceChecker {
  return {
    async ask({ device }): Promise<DeviceVerdict> {
      const found = await find(device);
      if (!found) return { compliant: false, reason: 'Jamf does not know the computer' };
      const compliant = groupsOf(found).includes(group);
      return { compliant, reason: `Jamf has it ${compliant ? 'in' : 'not in'} the group ${group}` };
    },
    [Symbol.asyncDispose]: () => client.close(),
  };

  async function find(device: string): Promise<JsonObject | null> {
    // RSQL: a quotation mark or a backslash in a literal is escaped.
    const literal = `"${device.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
    const filter = encodeURIComponent(`hardware.serialNumber==${literal},udid==${literal}`);
    const sections = ['GENERAL', 'HARDWARE', 'GROUP_MEMBERSHIPS'].map((name) => `section=${name}`).join('&');
    const inventory = new URL('/api/v1/computers-inventory', url).href;
    const page = await readRegister(
      `${inventory}?${sections}&page-size=2&filter=${filter}`,
      client,
      credentials,
    );
    const found = page && onlyOne(page['results']);
    return found && isSame(found, device) ? found : null;
  }
}

function isSame(found: JsonObject, device: string): boolean {
  const hardware = isJsonObject(found['hardware']) ? found['hardware'] : {};
  return [found['udid'], hardware['serialNumber']].some(
    (value) => typeof value === 'string' && value.toLowerCase() === device.toLowerCase(),
  );
}

/** The smart groups of a computer: an administrator puts into static ones whatever they like. */
function groupsOf(computer: JsonObject): readonly unknown[] {
  const memberships = computer['groupMemberships'];
  if (!Array.isArray(memberships)) {
    throw new Fault('unavailable', 'Jamf answered without the groups of the computer.');
  }
  return memberships.flatMap((one) =>
    isJsonObject(one) && one['smartGroup'] === true ? [one['groupName']] : [],
  );
}
