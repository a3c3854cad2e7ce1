import { DurableObject } from 'cloudflare:workers';
import { STORE_DEADLINE_MS } from '../../../src/constants.ts';
import type { Admission, AdmissionRequest, GateMethods } from '../../../src/gates/protocol.ts';

// The duties of a token request for a client with a secret, in the least code.
//
// It does, for each request:
// - reads the form and the Basic credentials, and hashes the secret: one HMAC-SHA-256
// - calls the Durable Object of the client with the types of the product's protocol, so that both put the same data on the wire
// - gives that call the product's deadline, so that no client waits without end for an object that hangs
// - there: compares the hash in constant time, takes a token from a bucket, counts the request, and answers with clock, grant and rate;
//   writes one row of the product's size per hundred requests, and answers when the row is durable
// - signs the claims of the product with ES256. The header is encoded once, and WebCrypto is called without a library
// - answers with the product's body and headers, and writes one log line of the product's fields and size, for the same share of the requests
//
// It does not do what no token needs at the moment of its request: routes, limits of sizes, error answers, the filter for failed attempts, the
// tag of the client_id, resolving what is granted, alarms, flushes to D1, key rotation. It has one client record, in a variable. Nothing in it
// is slower than it must be: a step that the product does not have to do as well is not here.

interface Env {
  GATE: DurableObjectNamespace;
  ISSUER: string;
  /** The key of the HMAC, in base64. */
  HASH_KEY: string;
  /** The hash of the secret that all clients have. */
  SECRET_HASH: string;
  ORGANIZATION_ID: string;
  /** The share of requests that write a log line, 0 to 1. */
  LOG_SHARE: string;
}

const LIMIT = { per_minute: 600, burst: 100 };
const REQUESTS_PER_ROW = 100;
const TTL = 3600;

const encoder = new TextEncoder();

export class Gate extends DurableObject<Env> {
  #level = LIMIT.burst;
  #at = Date.now();
  #count = 0;

  async admit({ client_id, proof, resource, scopes }: AdmissionRequest): Promise<Admission> {
    const now = Date.now();
    if (proof.kind !== 'secret' || !isEqual(proof.hashes[0] ?? '', this.env.SECRET_HASH)) {
      return { outcome: 'invalid_client', known: true, fingerprints: [] };
    }
    this.#level = Math.min(LIMIT.burst, this.#level + ((now - this.#at) * LIMIT.per_minute) / 60_000);
    this.#at = now;
    const remaining = Math.floor(this.#level - 1);
    const rate = { limit: LIMIT, remaining: Math.max(0, remaining), reset: 1 };
    if (remaining < 0) return { outcome: 'rate_limited', rate };
    this.#level--;
    if (this.#count++ % REQUESTS_PER_ROW === 0) this.#write();
    const grant = {
      client_id,
      organization_id: this.env.ORGANIZATION_ID,
      subject: client_id,
      resource: resource ?? '',
      scopes: scopes ?? [],
      roles: [],
      claims: {},
      access_token_ttl: TTL,
      signing_alg: 'ES256',
      access_token_typ: 'at+jwt',
    } as const;
    return { outcome: 'admitted', issued_at: Math.floor(now / 1000), grant, rate, wants_dpop_nonce: false };
  }

  #write(): void {
    const { sql } = this.ctx.storage;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS meter (id INTEGER PRIMARY KEY, level REAL, at INTEGER, activity TEXT NOT NULL)',
    );
    const usage = [{ hour: this.#at, outcome: 'issued', count: this.#count, flushed: 0 }];
    const last_used = { sec_0000000000000000000000: this.#at };
    const activity = { last_used, usage, flush_at: this.#at, failed_flushes: 0, client_used_at: this.#at };
    sql.exec('INSERT OR REPLACE INTO meter VALUES (1, ?, ?, ?)', this.#level, this.#at, JSON.stringify(activity));
  }
}

let hashKey: CryptoKey | undefined;
let signingKey: CryptoKey | undefined;
const header = base64url(encoder.encode(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: '0'.repeat(43) })));

export default {
  async fetch(request, env) {
    const startedAt = Date.now();
    const requestId = crypto.randomUUID();
    const form = new URLSearchParams(await request.text());
    const [clientId = '', secret = ''] = atob(request.headers.get('Authorization')?.slice('Basic '.length) ?? '').split(
      ':',
    );
    hashKey ??= await importHashKey(env.HASH_KEY);
    const mac = await crypto.subtle.sign('HMAC', hashKey, encoder.encode(secret));

    const askedAt = Date.now();
    const gate = env.GATE.getByName(clientId) as unknown as GateMethods;
    const admission = gate.admit({
      client_id: clientId,
      proof: { kind: 'secret', hashes: [`0000.${base64url(mac)}`] },
      resource: form.get('resource') ?? undefined,
      scopes: form.get('scope')?.split(' '),
      claims: undefined,
      dpop: undefined,
      certificate: undefined,
    });
    const answer = await withDeadline(admission);
    const gateMs = Date.now() - askedAt;
    if (answer.outcome !== 'admitted') return new Response(null, { status: 401 });

    const { grant, issued_at, rate } = answer;
    const scope = grant.scopes.join(' ');
    const jti = crypto.randomUUID();
    const claims = {
      iss: env.ISSUER,
      sub: grant.subject,
      aud: grant.resource,
      exp: issued_at + grant.access_token_ttl,
      iat: issued_at,
      jti,
      client_id: grant.client_id,
      org_id: grant.organization_id,
      scope,
      roles: grant.roles,
    };
    signingKey ??= await generateSigningKey();
    const signed = `${header}.${base64url(encoder.encode(JSON.stringify(claims)))}`;
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, signingKey, encoder.encode(signed));
    const access_token = `${signed}.${base64url(signature)}`;

    const share = Number(env.LOG_SHARE);
    if (Number.parseInt(requestId.slice(0, 8), 16) < share * 2 ** 32) {
      const event = { event: 'request', request_id: requestId, method: 'POST', route: '/oauth2/token', status: 200 };
      const details = { outcome: 'ok', reason: null, client_id: clientId, jti, aud: grant.resource };
      const durations = { ms: Date.now() - startedAt, gate: { calls: 1, ms: gateMs } };
      console.log(JSON.stringify({ ...event, ...details, share, ...durations }));
    }
    return new Response(
      JSON.stringify({ access_token, token_type: 'Bearer', expires_in: grant.access_token_ttl, scope }),
      {
        headers: {
          'Content-Type': 'application/json',
          'Cache-Control': 'no-store',
          Pragma: 'no-cache',
          'RateLimit-Policy': `"client";q=${rate.limit.burst};w=10`,
          RateLimit: `"client";r=${rate.remaining};t=${rate.reset}`,
          'X-Request-Id': requestId,
          'X-Content-Type-Options': 'nosniff',
        },
      },
    );
  },
} satisfies ExportedHandler<Env>;

function withDeadline<T>(pending: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('deadline')), STORE_DEADLINE_MS);
    pending.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

function isEqual(one: string, other: string): boolean {
  const [left, right] = [encoder.encode(one), encoder.encode(other)];
  return left.byteLength === right.byteLength && crypto.subtle.timingSafeEqual(left, right);
}

function base64url(bytes: ArrayBuffer | Uint8Array): string {
  const array = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  return array.toBase64({ alphabet: 'base64url', omitPadding: true });
}

function importHashKey(base64: string): Promise<CryptoKey> {
  const key = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
}

async function generateSigningKey(): Promise<CryptoKey> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  return (pair as CryptoKeyPair).privateKey;
}
