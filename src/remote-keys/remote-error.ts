/**
 * The fault: the URL is not allowed (`address`), the answer is unusable or late, the discovery document names another `issuer`, or the
 * source has just failed and was not fetched again (`backing_off`).
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
  | 'backing_off';

/** Remote keys could not be fetched. The error contains nothing of the answer, which is text of a third party. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  readonly fault: RemoteFault;

  constructor(fault: RemoteFault) {
    super(`remote keys: ${fault}`);
    this.fault = fault;
  }
}

/** Returns a RemoteError as a value, for the `catch` of a promise: the caller may still succeed without these keys. Throws other errors. */
export function returnRemoteError(error: unknown): RemoteError {
  if (error instanceof RemoteError) return error;
  throw error;
}
