export type {
  CertificateClient,
  Client,
  KeyClient,
  Provided,
  SecretClient,
  WorkloadClient,
} from './client/client-authentication.ts';
export type { PrivateKey } from './client/signing-key.ts';
export { SdkError, type SdkErrorDetails } from './lib/errors.ts';
export type { Fetch, HttpOptions } from './lib/http.ts';
export type { ServerMetadata } from './lib/metadata.ts';
export type {
  Certificate,
  DpopOptions,
  IntrospectionOptions,
  JsonWebKeySet,
  ReplayStore,
  Requirements,
  ResourceRequest,
  VerifiedToken,
  Verifier,
  VerifierEvent,
  VerifierOptions,
  VerifyOptions,
} from './verify/options.ts';
export {
  type ProtectedResource,
  type ProtectedResourceMetadata,
  protectedResource,
} from './verify/protected-resource.ts';
export type { RefusalReason } from './verify/refusal.ts';
export { VerificationError, type VerificationErrorDetails } from './verify/verification-error.ts';
export { verifier } from './verify/verifier.ts';
