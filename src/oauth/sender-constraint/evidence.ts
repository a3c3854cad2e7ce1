import type { BindingRequest, DpopEvidence } from '../../gates/protocol.ts';
import { clientCertificate } from '../client-authentication/certificate.ts';
import { DPOP_PROOF_AGE, SIGNER_CLOCK_SKEW } from '../constants.ts';
import { OAuthError } from '../response/oauth-error.ts';
import type { TokenServices } from '../services.ts';
import { checkProof } from './dpop-proof.ts';

type Nonces = Pick<TokenServices, 'dpopNonces'>;

/**
 * Verifies what a token request proves possession of: a key, by a DPoP proof
 * ([RFC 9449 section 5](https://www.rfc-editor.org/rfc/rfc9449#section-5)), and a certificate, by the connection. The client's gate decides
 * whether the token is bound to them.
 * @throws OAuthError `invalid_dpop_proof`; `use_dpop_nonce` if the proof's nonce is not one of ours or has expired
 */
export async function verifyPossession(
  services: Nonces & Pick<TokenServices, 'config'>,
  request: Request,
): Promise<BindingRequest> {
  const header = request.headers.get('DPoP');
  const certificate = clientCertificate(request);
  if (header === null && !certificate) return {};
  const dpop = header === null ? undefined : await checkDpopHeader(services, header, request.method);
  return {
    ...(dpop && { dpop }),
    ...(certificate && !certificate.isRevoked && { certificate: certificate.thumbprint }),
  };
}

async function checkDpopHeader(
  services: Nonces & Pick<TokenServices, 'config'>,
  header: string,
  method: string,
): Promise<DpopEvidence> {
  const now = Date.now();
  // The public URL, which is the one that the client knows. A proxy may have sent the request to another.
  const proof = await checkProof(header, { method, uri: `${services.config.baseUrl}/oauth2/token` }, now);
  if (typeof proof === 'string') throw new OAuthError('invalid_dpop_proof', { reason: proof });
  const { jkt, alg, jti, iat, nonce } = proof;
  if (nonce !== undefined && !(await services.dpopNonces.isOurs(nonce, now))) throw await nonceRequired(services);
  const expires_at = Math.ceil(iat) + DPOP_PROOF_AGE + SIGNER_CLOCK_SKEW;
  const spends = { id: `dpop ${jti}`, expires_at, issued_at: iat };
  return { jkt, alg, spends, has_nonce: nonce !== undefined };
}

/** Returns the error that tells the client which nonce to use ([RFC 9449 section 8](https://www.rfc-editor.org/rfc/rfc9449#section-8)). */
export async function nonceRequired(
  services: Nonces,
  headers: Readonly<Record<string, string>> = {},
): Promise<OAuthError> {
  return new OAuthError('use_dpop_nonce', { headers: { ...headers, ...(await nonceHeader(services)) } });
}

/** Returns the header with the current nonce. */
export async function nonceHeader({ dpopNonces }: Nonces): Promise<Record<string, string>> {
  return { 'DPoP-Nonce': await dpopNonces.current(Date.now()) };
}
