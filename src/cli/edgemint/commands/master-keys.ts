import type { Command } from 'commander';
import { time } from '../output.ts';
import type { Page } from '../representations.ts';
import { Session } from '../session.ts';
import { addList } from './crud.ts';

interface MasterKey {
  readonly id: string;
  readonly status: string;
  readonly signing_keys: number;
  /** Absent from an older server. */
  readonly webhooks?: number;
  readonly may_go_at: string | null;
}

const COLUMNS = {
  id: ({ id }: MasterKey) => id,
  status: ({ status }: MasterKey) => status,
  signing_keys: ({ signing_keys }: MasterKey) => signing_keys,
  webhooks: ({ webhooks = 0 }: MasterKey) => webhooks,
  may_go_at: ({ may_go_at }: MasterKey) => may_go_at,
};

const PATH = 'master-keys';

export function addMasterKeys(program: Command): void {
  const group = program.command('master-keys').description('the keys in MASTER_KEY (root key only)');
  addList(group, 'list the master keys and how much each seals', COLUMNS, () => ({
    path: PATH,
    isOwned: false,
  }));
  const reseal = group
    .command('reseal')
    .description('seal everything with the current master key, so that older ones can be removed');
  reseal.action(async () => {
    const session = new Session(reseal);
    const { body } = await (await session.api()).post<Page<MasterKey>>(`${PATH}/reseal`, {});
    if (session.json) return session.show(body);
    session.list(COLUMNS, body.data);
    const previous = body.data.filter(({ status }) => status === 'previous');
    if (previous.length === 0)
      session.terminal.note('MASTER_KEY holds only the current key. There is nothing to remove.');
    for (const key of previous) session.terminal.note(removalNote(key));
  });
}

function removalNote({ id, may_go_at, webhooks = 0 }: MasterKey): string {
  if (webhooks > 0) return `${id} still seals secrets of webhooks. Reseal again for the next ones.`;
  if (may_go_at === null) return `${id} is still needed. Reseal again when MASTER_KEY is the same everywhere.`;
  return `${id} may be removed from MASTER_KEY from ${time(may_go_at)} on.`;
}
