import type { FastifyReply, FastifyRequest } from 'fastify';
import { nodeCertificate } from '../middleware/certificate.ts';
import { type NodeMessage, resourceRequest } from '../middleware/node-request.ts';
import type { Requirements, ResourceRequest, VerifiedToken, Verifier } from '../verify/options.ts';
import type { ProtectedResource } from '../verify/protected-resource.ts';
import { VerificationError } from '../verify/verification-error.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The access token of the request, on routes behind `requireToken` of `edgemint-sdk/fastify`. */
    token: VerifiedToken;
  }
}

/** The members of a request that are read, on every kind of server. */
interface TokenRequest extends Pick<FastifyRequest, 'token' | 'originalUrl' | 'protocol' | 'host'> {
  readonly raw: NodeMessage & { readonly socket: unknown };
}

/** The members of a reply that are used. */
interface TokenReply {
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(payload: string): unknown;
  readonly sent: boolean;
}

/** An `onRequest` hook, for every kind of server. It can be a `preHandler` as well. */
export type Hook = (request: TokenRequest, reply: TokenReply) => Promise<unknown>;

/** Options of `requireToken` of Fastify. */
export interface RequireTokenOptions extends Requirements {
  /**
   * Answers a request whose token is refused, with `return reply.send(…)`, or passes it on with `throw error`, to the error handler of Fastify.
   * If it does neither, and by default, the answer is the status, the headers and the JSON of the error.
   */
  readonly onError?: ((error: VerificationError, request: FastifyRequest, reply: FastifyReply) => unknown) | undefined;
}

/**
 * Returns an `onRequest` hook for Fastify that refuses requests without a valid access token, and passes the token on as `request.token`
 * ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
 *
 * It checks every request that reaches it, `HEAD` and `OPTIONS` included. A browser's preflight has no token: register `@fastify/cors` before
 * it. The certificate of the client comes from the TLS connection. DPoP proofs must be for the URL that clients use: set `baseUrl` of the
 * verifier. Without it, the URL has the scheme and `Host` of the request; those of a proxy count only if the option `trustProxy` trusts it.
 * @example
 * const onRequest = requireToken(orders, { scope: 'orders:read' });
 * app.get('/orders', { onRequest }, async (request) => ({ caller: request.token.client_id }));
 */
export function requireToken(verifier: Verifier, options: RequireTokenOptions = {}): Hook {
  const { onError, ...requirements } = options;
  return async (request, reply) => {
    const certificate = nodeCertificate(request.raw.socket);
    try {
      const token = await verifier.authenticate(read(request), { ...requirements, certificate });
      request.token = token;
      if (token.dpop_nonce !== undefined) reply.header('DPoP-Nonce', token.dpop_nonce);
      return undefined;
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error;
      const answered = await onError?.(
        error,
        request as TokenRequest & FastifyRequest,
        reply as TokenReply & FastifyReply,
      );
      // Without an answer Fastify would go on to the handler, so an `onError` that only logs must not open the route.
      return answered === reply || reply.sent ? reply : send(error.toResponse(), reply);
    }
  };
}

/**
 * Returns an `onRequest` hook for Fastify that answers at the well-known URL of an API's metadata, and passes on every other request
 * ([RFC 9728 section 3](https://www.rfc-editor.org/rfc/rfc9728#section-3)).
 * @example
 * app.addHook('onRequest', serveMetadata(protectedResource({ resource: 'https://orders.example', authorization_servers: [issuer] })));
 */
export function serveMetadata(resource: ProtectedResource): Hook {
  return async (request, reply) => {
    const answer = resource.handle(read(request));
    return answer && send(answer, reply);
  };
}

/** Fastify believes the scheme and host of a proxy only if its option `trustProxy` trusts it. */
function read({ raw, protocol, host, originalUrl }: TokenRequest): ResourceRequest {
  return resourceRequest(raw, `${protocol}://${host}`, originalUrl);
}

async function send(answer: Response, reply: TokenReply): Promise<unknown> {
  reply.code(answer.status);
  answer.headers.forEach((value, name) => {
    reply.header(name, value);
  });
  return reply.send(await answer.text());
}
