export { SdkError, type SdkErrorDetails } from './lib/errors.ts';
export type { Answer, Fetch, HttpOptions } from './lib/http.ts';
export { type DiscoverOptions, discover, type ServerMetadata } from './lib/metadata.ts';
export type { Moment } from './lib/moment.ts';
