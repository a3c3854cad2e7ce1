import { BUSY_USES } from '../../src/client-gate/constants.ts';
import { CHECKOUT, deployedVariables, startEdgemint } from '../harness/edgemint.ts';
import { Organization } from './organization.ts';
import { requestOf, type Target } from './requests.ts';
import { withPid } from './runtime.ts';
import { machineKey } from './signing.ts';
import { BUSY_CLIENTS, basic, CLIENTS, NO_LIMIT, type Subject, TOKEN_FORM } from './subject.ts';

/** The requests of a running Edgemint that are measured. */
export const TARGETS = {
  /** A secret, by many clients at the default rate limit. */
  secret: secretTarget,
  /** A secret, by one client whose rate limit no measurement reaches. */
  unlimited: (place: Place) => secretTarget(place, 1, NO_LIMIT),
  assertion: (place: Place) => assertionTarget(place, false, BUSY_CLIENTS, NO_LIMIT),
  proof: proofTarget,
  both: (place: Place) => assertionTarget(place, true, BUSY_CLIENTS, NO_LIMIT),
  introspection: introspectionTarget,
  jwks: async ({ issuer }: Place) => ({ url: `${issuer}/.well-known/jwks.json`, headers: {} }),
} satisfies Record<string, (place: Place) => Promise<Target>>;

export type EdgemintName = keyof typeof TARGETS;

interface Place {
  readonly issuer: string;
  readonly organization: Organization;
}

/**
 * Starts an Edgemint with the variables that it would be deployed with, and creates the clients of one subject.
 * @param checkout the directory of the checkout whose Worker is measured
 */
export async function edgemintSubject(name: EdgemintName, checkout = CHECKOUT): Promise<Subject> {
  const { started, pid } = await withPid(() => startEdgemint({ checkout, variables: deployedVariables(checkout) }));
  try {
    const place = { issuer: started.issuer, organization: await Organization.create(started) };
    return { name, target: await TARGETS[name](place), pid, stop: () => started.stop() };
  } catch (error) {
    await started.stop();
    throw error;
  }
}

export async function secretTarget({ issuer, organization }: Place, clients = CLIENTS, fields = {}): Promise<Target> {
  const machines = await organization.withSecret(clients, fields);
  const turns = machines.map((machine) => ({ clientId: machine.client_id, headers: basic(machine) }));
  return { url: `${issuer}/oauth2/token`, headers: {}, form: TOKEN_FORM, turns };
}

async function proofTarget(place: Place): Promise<Target> {
  const key = await machineKey();
  const target = await secretTarget(place, BUSY_CLIENTS, NO_LIMIT);
  return { ...target, once: async () => ({ headers: { DPoP: await key.proof(target.url) } }), warmUps: BUSY_USES };
}

export async function assertionTarget(
  { issuer, organization }: Place,
  hasProof: boolean,
  clients = CLIENTS,
  fields = {},
): Promise<Target> {
  const key = await machineKey();
  const machines = await organization.withKey(clients, key, fields);
  const url = `${issuer}/oauth2/token`;
  const once = async (turn: number) => ({
    headers: hasProof ? { DPoP: await key.proof(url) } : {},
    form: {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await key.assertion(machines[turn % clients]?.client_id ?? '', issuer),
    },
  });
  return {
    url,
    headers: {},
    form: TOKEN_FORM,
    turns: machines.map(({ client_id }) => ({ clientId: client_id })),
    once,
    warmUps: BUSY_USES,
  };
}

async function introspectionTarget({ issuer, organization }: Place): Promise<Target> {
  const caller = await organization.introspector();
  const form = { token: await accessToken(await secretTarget({ issuer, organization }, 1)) };
  return { url: `${issuer}/oauth2/introspect`, headers: basic(caller), form };
}

/** Requests one token, to check that the target issues tokens. */
export async function accessToken(target: Target): Promise<string> {
  const { url, headers, form } = await requestOf(target);
  const response = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) });
  const { access_token } = (await response.json()) as { access_token?: string };
  if (!access_token) throw new Error(`${url} gave no token: ${response.status}`);
  return access_token;
}
