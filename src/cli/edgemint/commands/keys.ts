import { type Command, Option } from 'commander';
import { Session } from '../session.ts';
import { addList } from './crud.ts';

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly status: string;
  readonly created_at: string;
  readonly activated_at: string | null;
  readonly retired_at: string | null;
}

const COLUMNS = {
  kid: ({ kid }: SigningKey) => kid,
  alg: ({ alg }: SigningKey) => alg,
  status: ({ status }: SigningKey) => status,
  created_at: ({ created_at }: SigningKey) => created_at,
  activated_at: ({ activated_at }: SigningKey) => activated_at,
  retired_at: ({ retired_at }: SigningKey) => retired_at,
};

export function addKeys(program: Command): void {
  const group = program.command('keys').description('signing keys, with the root key');
  addList(group, 'list the keys that sign, or will, or did', COLUMNS, () => ({ path: 'signing-keys', isOwned: false }));
  const rotate = group
    .command('rotate')
    .description('let the next key sign, and make another one')
    .addOption(new Option('--alg <alg>', 'of this algorithm alone').choices(['ES256', 'RS256', 'EdDSA']));
  rotate.action(async () => {
    const session = new Session(rotate);
    const { alg } = rotate.opts<{ alg?: string }>();
    await session.confirm(`Rotate the ${alg ?? ''} signing keys?`.replace('  ', ' '));
    session.show((await (await session.api()).post('signing-keys/rotate', { alg })).body);
  });
}
