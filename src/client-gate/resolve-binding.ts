import type {
  BindingRefusal,
  BindingRequest,
  ClientRecord,
  Confirmation,
  SpentId,
  TokenBinding,
} from '../gates/protocol.ts';
import { STRICT_ALGS } from '../store/client-authentication.ts';
import { authenticationOf } from './check-proof.ts';

const UNBOUND: TokenBinding = { dpop: false, dpop_nonce: false, certificate: false, any: false };

/** The confirmation of a token that is bound to nothing. */
const NOT_BOUND: Confirmation = {};

export function bindingOf({ binding }: ClientRecord): TokenBinding {
  return binding ?? UNBOUND;
}

/**
 * Decides what a client's token is bound to, or why the client gets no token. A DPoP proof always binds the token. A certificate binds it
 * if the client requires that, or if the client requires any binding and sends no DPoP proof.
 */
export function resolveBinding(
  record: ClientRecord,
  { dpop, certificate }: BindingRequest,
  isSpent: (id: SpentId) => boolean,
): Confirmation | BindingRefusal {
  const required = bindingOf(record);
  if (required.dpop && !dpop) return 'dpop_required';
  if (required.certificate && certificate === undefined) return 'certificate_required';
  if (required.any && !dpop && certificate === undefined) return 'binding_required';
  if (dpop && required.dpop_nonce && !dpop.has_nonce) return 'use_dpop_nonce';
  if (dpop && authenticationOf(record).is_strict && !STRICT_ALGS.includes(dpop.alg)) return 'invalid_dpop_proof';
  if (dpop && isSpent(dpop.spends)) return 'invalid_dpop_proof';
  const isToCertificate = required.certificate || (required.any && !dpop);
  if (!dpop && !isToCertificate) return NOT_BOUND;
  return {
    ...(dpop && { jkt: dpop.jkt }),
    ...(isToCertificate && certificate !== undefined && { 'x5t#S256': certificate }),
  };
}
