import { DurableObject } from 'cloudflare:workers';
import { generateKeyPair, SignJWT } from 'jose';

// The minimum cost of a token request on this platform: parse a form, call one Durable Object, sign one token of the usual size. It checks
// and counts nothing.

interface Env {
  GATE: DurableObjectNamespace<Gate>;
  ISSUER: string;
}

export class Gate extends DurableObject<Env> {
  async admit(_clientId: string): Promise<number> {
    return Math.floor(Date.now() / 1000);
  }
}

let key: CryptoKey | undefined;

export default {
  async fetch(request, env) {
    const form = new URLSearchParams(await request.text());
    const issuedAt = await env.GATE.getByName('client').admit('emc_0000000000000000000000TheFloor');
    key ??= (await generateKeyPair('ES256')).privateKey;
    const token = await new SignJWT({
      iss: env.ISSUER,
      sub: 'emc_0000000000000000000000TheFloor',
      aud: form.get('resource') ?? '',
      exp: issuedAt + 3600,
      iat: issuedAt,
      jti: crypto.randomUUID(),
      client_id: 'emc_0000000000000000000000TheFloor',
      org_id: 'org_0000000000000000000000',
      scope: form.get('scope'),
      roles: [],
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: '0000000000000000000000000000000000000000000' })
      .sign(key);
    return Response.json(
      { access_token: token, token_type: 'Bearer', expires_in: 3600, scope: form.get('scope') },
      { headers: { 'Cache-Control': 'no-store' } },
    );
  },
} satisfies ExportedHandler<Env>;
