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

export function bindingOf({ binding }: ClientRecord): TokenBinding {
  return binding ?? UNBOUND;
}

/**
 * What a client's token is to be bound to, or why there is to be none. A proof of a key always binds; a certificate does so for clients
 * that ask for it, or that must be bound and have nothing else.
 */
export function resolveBinding(
  record: ClientRecord,
  { dpop, certificate }: BindingRequest,
  isSpent: (id: SpentId) => boolean,
): Confirmation | BindingRefusal {
  const must = bindingOf(record);
  if (must.dpop && !dpop) return 'dpop_required';
  if (must.certificate && certificate === undefined) return 'certificate_required';
  if (must.any && !dpop && certificate === undefined) return 'binding_required';
  if (dpop && must.dpop_nonce && !dpop.has_nonce) return 'use_dpop_nonce';
  if (dpop && authenticationOf(record).is_strict && !STRICT_ALGS.includes(dpop.alg)) return 'invalid_dpop_proof';
  if (dpop && isSpent(dpop.spends)) return 'invalid_dpop_proof';
  const isToCertificate = must.certificate || (must.any && !dpop);
  return {
    ...(dpop && { jkt: dpop.jkt }),
    ...(isToCertificate && certificate !== undefined && { 'x5t#S256': certificate }),
  };
}
