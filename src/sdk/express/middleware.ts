import type { NextFunction, Request, Response } from 'express';
import { nodeCertificate } from '../middleware/certificate.ts';
import { type NodeMessage, resourceRequest } from '../middleware/node-request.ts';
import type { Requirements, VerifiedToken, Verifier } from '../verify/options.ts';
import type { ProtectedResource } from '../verify/protected-resource.ts';
import { VerificationError } from '../verify/verification-error.ts';
import { type NodeResponse, sendResponse } from './send-response.ts';

declare global {
  namespace Express {
    interface Request {
      /** The access token of the request, on routes behind `requireToken` of `edgemint-sdk/express`. */
      token: VerifiedToken;
    }
  }
}

/** The members of a request that are read, in every version of Express. */
interface ExpressRequest extends NodeMessage {
  token: VerifiedToken;
  readonly originalUrl: string;
  readonly protocol: string;
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly app: { get(setting: string): unknown };
}

/** A middleware for every version of Express. */
export type Middleware = (req: ExpressRequest, res: NodeResponse, next: (error?: unknown) => void) => void;

/** Options of `requireToken` of Express. */
export interface RequireTokenOptions extends Requirements {
  /**
   * Answers a request whose token is refused, or passes it on with `next(error)`, to the error handlers of Express. Default: the status, the
   * headers and the JSON of the error.
   */
  readonly onError?:
    | ((error: VerificationError, req: Request, res: Response, next: NextFunction) => unknown)
    | undefined;
}

/**
 * Returns a middleware for Express 4 and 5 that refuses requests without a valid access token, and passes the token on as `req.token`
 * ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).
 *
 * It checks every request that reaches it, `HEAD` and `OPTIONS` included. A browser's preflight has no token: put `cors()` before it. The
 * certificate of the client comes from the TLS connection. DPoP proofs must be for the URL that clients use: set `baseUrl` of the verifier.
 * Without it, the URL has the scheme and `Host` of the request; those of a proxy count only if the setting `trust proxy` trusts it.
 * @example
 * app.get('/orders', requireToken(orders, { scope: 'orders:read' }), (req, res) => res.json({ caller: req.token.client_id }));
 */
export function requireToken(verifier: Verifier, options: RequireTokenOptions = {}): Middleware {
  const { onError, ...requirements } = options;
  return (req, res, next) => {
    const request = resourceRequest(req, originOf(req), req.originalUrl);
    const accept = (token: VerifiedToken) => {
      req.token = token;
      if (token.dpop_nonce !== undefined) res.setHeader('DPoP-Nonce', token.dpop_nonce);
      next();
    };
    const refuse = (error: unknown) => {
      if (!(error instanceof VerificationError)) return next(error);
      if (!onError) return sendResponse(error.toResponse(), res);
      return onError(error, req as ExpressRequest & Request, res as NodeResponse & Response, next);
    };
    verifier
      .authenticate(request, { ...requirements, certificate: nodeCertificate(req.socket) })
      .then(accept, refuse)
      .catch(next);
  };
}

/**
 * Returns a middleware for Express that answers at the well-known URL of an API's metadata, and passes on every other request
 * ([RFC 9728 section 3](https://www.rfc-editor.org/rfc/rfc9728#section-3)).
 * @example
 * app.use(serveMetadata(protectedResource({ resource: 'https://orders.example', authorization_servers: [issuer] })));
 */
export function serveMetadata(resource: ProtectedResource): Middleware {
  return (req, res, next) => {
    const answer = resource.handle(resourceRequest(req, originOf(req), req.originalUrl));
    if (answer) sendResponse(answer, res).catch(next);
    else next();
  };
}

/** Returns the scheme and host that Express believes: those of a proxy only if the setting `trust proxy` trusts it. */
function originOf({ app, headers, protocol, socket }: ExpressRequest): string {
  const trusts = app.get('trust proxy fn');
  const forwarded = headers['x-forwarded-host'];
  const isTrusted = typeof forwarded === 'string' && typeof trusts === 'function' && trusts(socket.remoteAddress, 0);
  // `req.host` has no port in Express 4.
  const host = isTrusted ? forwarded.split(',')[0]?.trim() : headers.host;
  return `${protocol}://${host}`;
}
