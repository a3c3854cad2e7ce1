import { Failure } from '../../failure.ts';
import type { Api } from '../api.ts';
import { RequestError } from '../request-error.ts';
import { nameOf, withoutDefaults } from './item.ts';
import { patchOf, subjectOf } from './plan.ts';
import { creation, path } from './remote.ts';
import { NOUNS } from './show-plan.ts';
import type { Step } from './steps.ts';

/** A client's credentials, as its creation answered them. */
export interface NewClient {
  readonly client_name: string;
  readonly client_id: string;
  readonly client_secret: string;
}

/** Who follows what is done. */
export interface Follower {
  /** A step was taken, as in "created the client Invoice worker". */
  done(sentence: string): void;
  /** A client was created that has a secret: nobody else will ever see its secret. */
  created(client: NewClient): Promise<void>;
  /** Whether to stop before the next step. */
  readonly isStopping: boolean;
}

/**
 * Takes the steps one by one. Each changes only what is still as it was planned about.
 * @throws Failure that says at which step, and how many were done
 */
export async function takeSteps(
  api: Api,
  steps: readonly Step[],
  isShared: boolean,
  follower: Follower,
): Promise<void> {
  const organization = isShared ? undefined : api.organization;
  /** The ETags of what an earlier step changed, by id. */
  const etags = new Map<string, string | undefined>();
  for (const [index, step] of steps.entries()) {
    const where = `${index} of ${steps.length} steps were done; apply again to go on.`;
    if (follower.isStopping) throw new Failure(`Stopped: ${where}`);
    try {
      await take(api, step, organization, etags, follower);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(`${verbs(step)[0]} the ${label(step)} failed.\n${explain(error)}\n${where}`);
    }
    follower.done(`${verbs(step)[1]} the ${label(step)}`);
  }
}

async function take(
  api: Api,
  { action, to }: Step,
  organization: string | undefined,
  etags: Map<string, string | undefined>,
  follower: Follower,
): Promise<void> {
  const { section } = action;
  if (action.do === 'create') {
    const { body } = await api.post<{ client_id: string; client_secret?: string }>(
      path(section),
      creation(withoutDefaults(section, action.to), organization),
    );
    if (section !== 'clients') return;
    const { client_id, client_secret } = body;
    if (client_secret === undefined) return;
    return follower.created({ client_name: nameOf(section, action.to), client_id, client_secret });
  }
  const { id, fields, etag } = action.from;
  const ifMatch = etags.get(id) ?? etag;
  if (to === undefined) {
    await api.delete(path(section, id), { ifMatch });
    return;
  }
  const patch = patchOf(fields, to);
  if (patch === undefined) throw new Failure('A merge patch cannot say this.');
  const answer = await api.patch(path(section, id), patch, { ifMatch });
  etags.set(id, answer.etag ?? (await api.get(path(section, id))).etag ?? undefined);
}

function label({ action }: Step): string {
  return `${NOUNS[action.section]} ${subjectOf(action)}`;
}

function verbs({ action }: Step): readonly [string, string] {
  if (action.do === 'create') return ['Creating', 'Created'];
  return action.do === 'delete' ? ['Deleting', 'Deleted'] : ['Changing', 'Changed'];
}

function explain(error: Failure): string {
  const isStale = error instanceof RequestError && error.status === 412;
  return isStale ? 'Somebody else changed it since the plan was made: apply again, which plans anew.' : error.message;
}
