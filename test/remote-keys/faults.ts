import { RemoteError, type RemoteFault } from '../../src/remote-keys/remote-error.ts';

/** What was wrong with what was to be had from elsewhere. Fails where nothing was. */
export async function faultOf(had: Promise<unknown>): Promise<RemoteFault> {
  try {
    await had;
  } catch (error) {
    if (error instanceof RemoteError) return error.fault;
    throw error;
  }
  throw new Error('nothing was wrong');
}
