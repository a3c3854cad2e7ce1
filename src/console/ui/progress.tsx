import { ISSUER_URL } from '../api/address.ts';
import { call } from '../api/call.ts';
import { asProblem, sentence } from '../api/problem.ts';
import type { Schema } from '../api/types.ts';
import { toast } from './toast.tsx';

const POLL_MS = 1000;

/** Shows the progress of a change that was answered with 202, until every gate has it. @param location its URL */
export async function followChange(location: string, onDelivered: () => void): Promise<void> {
  const path = new URL(location, `${ISSUER_URL}/`).href.slice(ISSUER_URL.length);
  const id = toast.progress('The change is being propagated…');
  for (;;) {
    try {
      const { body } = await call<Schema<'Change'>>({ method: 'get', path });
      if (body.status === 'delivered') {
        toast.update(
          id,
          body.gates > 0 ? 'The change has reached every gate.' : 'The change is in effect everywhere.',
          true,
        );
        onDelivered();
        return;
      }
      // A change of signing keys is no matter of gates: isolates use the old keys for some minutes.
      if (body.gates > 0) {
        toast.update(id, `The change is being propagated: ${body.delivered} of ${body.gates} gates have it.`);
      }
    } catch (error) {
      const { status } = asProblem(error);
      if (status === 401 || status === 403 || status === 404) {
        toast.update(id, sentence(asProblem(error)), true);
        return;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
