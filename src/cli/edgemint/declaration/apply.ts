import { isDeepStrictEqual } from 'node:util';
import type { Section } from '../../../declaration/fields.ts';
import { canonical, nameOf, withoutDefaults } from '../../../declaration/item.ts';
import type { JsonObject } from '../../../lib/json.ts';
import { Failure } from '../../failure.ts';
import type { Answer, Api } from '../api.ts';
import { RequestError } from '../request-error.ts';
import { type CurrentItem, patchOf, subjectOf } from './plan.ts';
import { creation, path } from './remote.ts';
import type { Secrets } from './secrets.ts';
import { NOUNS } from './show-plan.ts';
import type { Step } from './steps.ts';

/** The credentials of a client that was created. */
export interface NewClient {
  readonly client_name: string;
  readonly client_id: string;
  readonly client_secret: string;
}

/** The signing secret of a webhook that was created. */
export interface NewWebhook {
  readonly webhook_name: string;
  readonly webhook_id: string;
  readonly signing_secret: string;
}

export type NewSecret = NewClient | NewWebhook;

/** Receives the progress of an `apply`. */
export interface Follower {
  /** Called after each step, with a sentence such as "Created the client Invoice worker". */
  done(sentence: string): void;
  /** Called with each new client that has a secret, and each new webhook. The server never shows the secret again. */
  created(secret: NewSecret): Promise<void>;
  /** Whether to stop before the next step. */
  readonly isStopping: boolean;
}

/**
 * Carries out the steps one by one. A step fails if its object was changed after the plan was made.
 * @param secrets the secrets that new clients bring along
 * @throws Failure that names the failed step and counts those that were done
 */
export async function takeSteps(
  api: Api,
  steps: readonly Step[],
  isShared: boolean,
  secrets: Secrets,
  follower: Follower,
): Promise<void> {
  const organization = isShared ? undefined : api.organization;
  /** The ETags after earlier steps, by id. */
  const etags = new Map<string, string | undefined>();
  for (const [index, step] of steps.entries()) {
    const progress = `${index} of ${steps.length} steps were done. Apply again to continue.`;
    if (follower.isStopping) throw new Failure(`Stopped: ${progress}`);
    try {
      await takeStep(api, step, organization, secrets, etags, follower);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(`${verbs(step)[0]} the ${label(step)} failed.\n${explain(error)}\n${progress}`);
    }
    follower.done(`${verbs(step)[1]} the ${label(step)}`);
  }
}

async function takeStep(
  api: Api,
  { action, to }: Step,
  organization: string | undefined,
  secrets: Secrets,
  etags: Map<string, string | undefined>,
  follower: Follower,
): Promise<void> {
  const { section } = action;
  if (action.do === 'create') {
    const ownSecret = action.imported && secrets.get(action.imported.client_id);
    const imported = action.imported && {
      client_id: action.imported.client_id,
      ...(ownSecret && { client_secret: ownSecret.reveal() }),
    };
    const { body } = await api.post<{
      id: string;
      client_id: string;
      client_secret?: string;
      signing_secret?: string;
    }>(path(section), creation({ ...imported, ...withoutDefaults(section, action.to) }, organization));
    const { id, client_id, client_secret, signing_secret } = body;
    const name = nameOf(section, action.to);
    // Its owner has a secret that was brought along.
    if (client_secret !== undefined && !ownSecret)
      await follower.created({ client_name: name, client_id, client_secret });
    if (signing_secret !== undefined) await follower.created({ webhook_name: name, webhook_id: id, signing_secret });
    return;
  }
  const { id, fields, etag } = action.from;
  const ifMatch = etags.get(id) ?? etag;
  if (to === undefined) {
    await api.delete(path(section, id), { ifMatch });
    return;
  }
  const patch = patchOf(fields, to);
  if (patch === undefined) throw new Failure('A merge patch cannot set null inside an object.');
  const answer = await change(api, action.from, section, patch, ifMatch);
  etags.set(id, answer.etag ?? (await api.get(path(section, id))).etag ?? undefined);
}

/** Changes an item, also if an earlier step gave it another ETag and nothing else: a new name of a role is in its clients too. */
async function change(
  api: Api,
  { id, fields }: CurrentItem,
  section: Section,
  patch: JsonObject,
  ifMatch: string | undefined,
): Promise<Answer<unknown>> {
  try {
    return await api.patch(path(section, id), patch, { ifMatch });
  } catch (error) {
    if (!(error instanceof RequestError && error.status === 412)) throw error;
    const current = await api.get<object>(path(section, id));
    if (current.etag === null || !isDeepStrictEqual(canonical(section, current.body), fields)) throw error;
    return api.patch(path(section, id), patch, { ifMatch: current.etag });
  }
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
  return isStale ? 'It was changed after the plan was made. Apply again to make a new plan.' : error.message;
}
