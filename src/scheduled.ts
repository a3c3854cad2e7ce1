import { logFailure } from './failure-log.ts';
import { resumePushes } from './gate/pushes.ts';
import { forgottenBefore } from './keys/rotation.ts';
import type { Services } from './services.ts';
import { purge } from './store/purges.ts';
import { deleteRetiredSigningKeys } from './store/signing-keys.ts';

/**
 * What is done every minute, whoever asks for what: all of it may be done twice, or late, and one task's failure is not another's.
 * @param now milliseconds since the epoch
 */
export async function scheduled({ db, gates }: Services, now: number): Promise<void> {
  const tasks = [
    async () => report(await resumePushes(db, gates)),
    () => purge(db, now),
    () => deleteRetiredSigningKeys(db, forgottenBefore(now)),
  ];
  for (const task of tasks) await task().catch(logFailure);
}

function report({ delivered, failed }: { readonly delivered: number; readonly failed: number }): void {
  if (delivered + failed > 0) console.log({ event: 'pushes_resumed', delivered, failed });
}
