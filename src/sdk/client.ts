export type {
  CertificateClient,
  Client,
  KeyClient,
  Provided,
  SecretClient,
  WorkloadClient,
} from './client/client-authentication.ts';
export type { KeyPair } from './client/dpop.ts';
export type { Token } from './client/held-token.ts';
export type { TokenOptions, TokenSource, TokenSourceEvent, TokenSourceOptions } from './client/options.ts';
export type { PrivateKey } from './client/signing-key.ts';
export { type KvNamespace, kvStore, redisStore, type TokenStore } from './client/store.ts';
export { tokenSource } from './client/token-source.ts';
export { type AzureOptions, azure, githubActions, gitlab, type WorkloadOptions } from './client/workloads.ts';
export { SdkError, type SdkErrorDetails } from './lib/errors.ts';
export type { Answer, Fetch, HttpOptions } from './lib/http.ts';
export { type DiscoverOptions, discover, type ServerMetadata } from './lib/metadata.ts';
export type { Moment } from './lib/moment.ts';
