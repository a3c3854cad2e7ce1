import { lookup } from 'node:dns/promises';
import { Failure } from '../failure.ts';

/**
 * Refuses a host that leads somewhere already. Without a terminal wrangler takes a host away from another Worker, and replaces a DNS
 * record, and does not ask.
 * @throws Failure that names the host
 */
export async function refuseTakenHost(host: string): Promise<void> {
  let address: string;
  try {
    ({ address } = await lookup(host));
  } catch {
    // Unknown to the DNS, or no DNS here.
    return;
  }
  throw new Failure(
    `${host} leads to ${address} already, and the deployment would take it over. Choose another issuer, or deploy with --replace-domain, or with --no-domain if a proxy there will lead to the Worker.`,
  );
}
