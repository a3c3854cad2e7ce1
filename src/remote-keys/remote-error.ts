/**
 * The fault: the URL is not allowed (`address`), the answer is unusable or late, the discovery document names another `issuer`, or the
 * source or its host has just failed and was not fetched again (`backing_off`), or the request has fetched as many sources as it may
 * (`too_many_sources`).
 */
export type RemoteFault =
  | 'address'
  | 'redirect'
  | 'status'
  | 'content_type'
  | 'too_large'
  | 'deadline'
  | 'network'
  | 'malformed'
  | 'issuer'
  | 'backing_off'
  | 'too_many_sources';

/** Remote keys could not be fetched. The error contains nothing of the answer, which is text of a third party. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  readonly fault: RemoteFault;
  /** Whether the host is at fault: other documents on it would fail as well. */
  readonly isOfHost: boolean;

  constructor(fault: RemoteFault, isOfHost = fault === 'network' || fault === 'deadline') {
    super(`remote keys: ${fault}`);
    this.fault = fault;
    this.isOfHost = isOfHost;
  }
}

/** Returns a RemoteError as a value, for the `catch` of a promise: the caller may still succeed without these keys. Throws other errors. */
export function returnRemoteError(error: unknown): RemoteError {
  if (error instanceof RemoteError) return error;
  throw error;
}
