/**
 * What was wrong: the URL itself; the answer, or that there was none in time; a discovery document that is another `issuer`'s; or that the
 * source has failed a moment ago, and was not asked.
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

/** Keys elsewhere could not be had. It says nothing of what was answered: that is anybody's text. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  readonly fault: RemoteFault;

  constructor(fault: RemoteFault) {
    super(`remote keys: ${fault}`);
    this.fault = fault;
  }
}
