import { STRICT_ALGS, type TokenBinding } from '../store/client-authentication.ts';
import type { ClientRecord } from '../store/client-record.ts';
import { authenticationOf } from './check-proof.ts';
import type { SpentId } from './replay-memory.ts';
import type { Confirmation } from './resolve-grant.ts';

/** What a token request proves the possession of, beside what it authenticates with. The edge has verified it. */
export interface BindingRequest {
  readonly dpop?: DpopEvidence | undefined;
  /** The thumbprint of the certificate that the client presented, as `x5t#S256` has it. */
  readonly certificate?: string | undefined;
}

/** A DPoP proof, as far as it is the gate's to judge. */
export interface DpopEvidence {
  /** The thumbprint of its key. */
  readonly jkt: string;
  /** The algorithm of its signature. */
  readonly alg: string;
  readonly spends: SpentId;
  /** Whether it has a nonce of ours. */
  readonly has_nonce: boolean;
}

/** Why there is no token though the client is who it says: what it must prove beside is missing, or was used before. */
export type BindingRefusal =
  | 'dpop_required'
  | 'use_dpop_nonce'
  | 'invalid_dpop_proof'
  | 'certificate_required'
  | 'binding_required';

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
