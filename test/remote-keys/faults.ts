import { RemoteError, type RemoteFault } from '../../src/remote-keys/remote-error.ts';

/** Returns the fault of a remote fetch that must fail. */
export async function faultOf(had: Promise<unknown>): Promise<RemoteFault> {
  try {
    await had;
  } catch (error) {
    if (error instanceof RemoteError) return error.fault;
    throw error;
  }
  throw new Error('nothing was wrong');
}
