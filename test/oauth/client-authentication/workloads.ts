import { expect } from 'vitest';
import { create, ISSUER } from '../../http.ts';
import { lineOf } from '../../log/lines.ts';
import { askWith, seconds, signJwt } from '../../machines.ts';
import type { Signer } from '../../remote-keys/signers.ts';
import { expectNotAuthenticated } from '../answers.ts';

type Members = Readonly<Record<string, unknown>>;

/** Signs a workload's token as a platform would: for this service, valid for ten minutes. */
export function tokenOf(signer: Signer, claims: Members, header: Members = {}): Promise<string> {
  const now = seconds();
  const { kid } = signer.publicJwk;
  return signJwt(
    signer,
    { aud: ISSUER, iat: now, nbf: now, exp: now + 600, ...claims },
    { kid, typ: 'JWT', ...header },
  );
}

/** A client of an organization that trusts some workloads. */
export async function workloadClient(
  { organization, identifier }: { organization: string; identifier: string },
  federated_identities: readonly object[],
  fields: Members = {},
): Promise<string> {
  const { client_id } = await create('clients', {
    organization_id: organization,
    client_name: `workload ${crypto.randomUUID()}`,
    token_endpoint_auth_method: 'federated_jwt',
    grants: [{ resource_server: identifier, scopes: ['read'] }],
    federated_identities,
    ...fields,
  });
  return client_id as string;
}

let address = 0;

/** Requests a token as a client, with a platform's token. Each request has its own network, because failures are counted by network. */
export function present(client_id: string, token: string, form: Record<string, string> = {}): Promise<Response> {
  return askWith(token, { client_id, ...form }, { address: `2001:db8:0:${(++address).toString(16)}::1` });
}

/** Checks that a request gets the answer of a failed authentication, and returns the reason in the log. */
export async function refusalOf(request: () => Promise<Response>): Promise<unknown> {
  let answer: Response | undefined;
  const { reason } = await lineOf(async () => {
    answer = await request();
    return answer;
  });
  if (answer) await expectNotAuthenticated(answer, reason);
  return reason;
}

/** Checks that a request gets a 503, and returns the reason in the log. */
export async function unavailabilityOf(request: () => Promise<Response>): Promise<unknown> {
  let answer: Response | undefined;
  const { reason } = await lineOf(async () => {
    answer = await request();
    return answer;
  });
  expect(answer?.status).toBe(503);
  expect(Number(answer?.headers.get('Retry-After'))).toBeGreaterThan(0);
  expect(await answer?.json()).toMatchObject({ error: 'temporarily_unavailable' });
  return reason;
}
