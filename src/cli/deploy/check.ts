import { setTimeout as sleep } from 'node:timers/promises';
import { CHECK_POLL_MS, REQUEST_TIMEOUT_MS } from '../constants.ts';
import { Failure } from '../failure.ts';

/** What a check has shown. */
export interface Checked {
  /** `works`: a token was issued, introspected and revoked. `not tried`: without a root key, or the service does not know this one. */
  readonly token: 'works' | 'not tried';
}

/**
 * Tries a deployment out: its health, its metadata, and with a root key one token, from its client to its revocation. What it creates it
 * deletes.
 * @throws Failure that says what does not work
 */
export async function checkDeployment(
  issuer: string,
  rootApiKey: string | undefined,
  patienceMs: number,
): Promise<Checked> {
  const base = issuer.replace(/\/$/, '');
  await waitUntilHealthy(base, patienceMs);
  const metadata = await getJson(`${base}/.well-known/openid-configuration`);
  if (metadata.issuer !== issuer) {
    throw new Failure(
      `${base} is another deployment: its metadata names the issuer ${metadata.issuer}. Nothing else was checked.`,
    );
  }
  if (rootApiKey === undefined || !(await isKnown(base, rootApiKey))) return { token: 'not tried' };
  await tryToken(base, rootApiKey);
  return { token: 'works' };
}

/** Whether the deployment at this URL has this issuer. */
export async function isIssuerOf(issuer: string): Promise<boolean> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  return await getJson(url).then(
    (metadata) => metadata.issuer === issuer,
    () => false,
  );
}

// A new domain needs some time for its DNS entry and its certificate.
async function waitUntilHealthy(base: string, patienceMs: number): Promise<void> {
  let problem = 'no answer';
  const deadline = Date.now() + patienceMs;
  for (let isFirst = true; isFirst || Date.now() < deadline; isFirst = false) {
    if (!isFirst) await sleep(CHECK_POLL_MS);
    try {
      const response = await fetch(`${base}/healthz`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
      const text = await response.text();
      if (response.ok) {
        const { stores }: { stores?: Record<string, string> } = JSON.parse(text);
        const failing = Object.entries(stores ?? {}).filter(([, state]) => state !== 'ok');
        if (failing.length === 0) return;
        problem = `${failing.map(([store]) => store).join(', ')} does not answer`;
      } else problem = `it answers ${response.status} ${text.slice(0, 200)}`;
    } catch (error) {
      problem = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    }
  }
  throw new Failure(`The service was deployed, but ${base}/healthz is not healthy: ${problem}.`);
}

/** Whether the service knows the root key. It may have been replaced since it was written to a file. */
async function isKnown(base: string, rootApiKey: string): Promise<boolean> {
  const headers = { Authorization: `Bearer ${rootApiKey}` };
  const { status } = await send(`${base}/v1/organizations?limit=1`, { headers });
  return status !== 401;
}

async function tryToken(base: string, rootApiKey: string): Promise<void> {
  const manage = (method: string, path: string, body?: object) =>
    call(`${base}/v1/${path}`, {
      method,
      headers: { Authorization: `Bearer ${rootApiKey}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
  const organization = await manage('POST', 'organizations', { name: `Check of a deployment ${crypto.randomUUID()}` });
  try {
    const identifier = `urn:edgemint:check:${organization.id}`;
    const organization_id = organization.id;
    await manage('POST', 'resource-servers', {
      organization_id,
      identifier,
      name: 'Check',
      scopes: [{ name: 'check' }],
    });
    const grants = [{ resource_server: identifier, scopes: ['check'] }];
    const fields = { organization_id, client_name: 'Check', grants, introspects: [identifier] };
    const { client_id, client_secret } = await manage('POST', 'clients', fields);
    const ask = (path: string, form: Record<string, string>) =>
      call(`${base}/oauth2/${path}`, {
        method: 'POST',
        headers: { Authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` },
        body: new URLSearchParams(form),
      });
    const { access_token: token } = await ask('token', { grant_type: 'client_credentials' });
    const before = await ask('introspect', { token });
    await ask('revoke', { token });
    const after = await ask('introspect', { token });
    if (before.active !== true || after.active !== false) {
      throw new Failure('A token was issued, but introspection does not follow its revocation.');
    }
  } finally {
    await manage('DELETE', `organizations/${organization.id}?cascade=true`);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: answers of our own API, whose members are checked where they are used
type Json = Record<string, any>;

async function getJson(url: string): Promise<Json> {
  return call(url, {});
}

async function call(url: string, init: RequestInit): Promise<Json> {
  const { ok, status, text } = await send(url, init);
  if (!ok) throw new Failure(`${new URL(url).pathname} answered ${status}: ${text.slice(0, 300)}`);
  return text === '' ? {} : (JSON.parse(text) as Json);
}

async function send(url: string, init: RequestInit): Promise<{ ok: boolean; status: number; text: string }> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    return { ok: response.ok, status: response.status, text: await response.text() };
  } catch (error) {
    const { pathname } = new URL(url);
    throw new Failure(`${pathname} did not answer: ${error instanceof Error ? error.message : error}.`);
  }
}
