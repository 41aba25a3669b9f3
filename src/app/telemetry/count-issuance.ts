import type { AuditEvent } from '../../audit/log.ts';
import { type Meters, otherValue } from '../../telemetry/meters.ts';
import { countConnections } from './count-calls.ts';

/** Counts what an authority records of certificates and tokens. */
export function countIssuance(meters: Meters): (event: AuditEvent) => void {
  return (event) => {
    const text = (name: string): string => {
      const value = event[name];
      return typeof value === 'string' ? value : otherValue;
    };
    switch (event.type) {
      case 'certificate.issued':
        return meters.add('certificatesIssued', [text('kind'), text('door')]);
      case 'certificate.refused':
        return meters.add('certificatesRefused', [text('door'), text('code')]);
      case 'certificate.renewed':
        return meters.add('certificatesRenewed', [text('kind')]);
      case 'certificate.revoked':
        return meters.add('certificatesRevoked', ['revoked']);
      case 'certificate.held':
        return meters.add('certificatesRevoked', ['held']);
      case 'certificate.reinstated':
        return meters.add('certificatesRevoked', ['reinstated']);
      case 'token.issued':
        return meters.add('tokensIssued', []);
      case 'token.refused':
        return meters.add('tokensRefused', [text('error')]);
      case 'tokens.refused': {
        const count = event['count'];
        return meters.add('tokensRefused', [otherValue], typeof count === 'number' ? count : 0);
      }
      default:
        countConnections(meters, event);
    }
  };
}
