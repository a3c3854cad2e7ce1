import { type Command, Option } from 'commander';
import { JWKS_MAX_AGE } from '../../../constants.ts';
import { UsageError } from '../failures.ts';
import type { Page } from '../representations.ts';
import { Session } from '../session.ts';
import { addList, isUnderWay, showChanged } from './crud.ts';

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly status: string;
  readonly created_at: string;
  readonly signs_from: string;
  readonly activated_at: string | null;
  readonly retired_at: string | null;
}

const COLUMNS = {
  kid: ({ kid }: SigningKey) => kid,
  alg: ({ alg }: SigningKey) => alg,
  status: ({ status }: SigningKey) => status,
  created_at: ({ created_at }: SigningKey) => created_at,
  signs_from: ({ signs_from }: SigningKey) => signs_from,
  activated_at: ({ activated_at }: SigningKey) => activated_at,
  retired_at: ({ retired_at }: SigningKey) => retired_at,
};

const PATH = 'signing-keys';

export function addKeys(program: Command): void {
  const group = program.command('keys').description('signing keys (root key only)');
  addList(group, 'list the next, active and retired signing keys', COLUMNS, () => ({ path: PATH, isOwned: false }));
  addRotate(group);
}

interface Rotation {
  readonly alg?: string;
  readonly kid?: string;
  readonly emergency?: boolean;
}

function addRotate(group: Command): void {
  const command = group
    .command('rotate')
    .description('activate the next keys and create new ones; the old keys stay published until their tokens expire')
    .addOption(new Option('--alg <alg>', 'rotate only the key of this algorithm').choices(['ES256', 'RS256', 'EdDSA']))
    .option('--emergency', 'the active keys are compromised: remove them and invalidate their tokens')
    .option('--kid <kid>', 'with --emergency: remove only this key, in any status');
  command.action(async () => {
    const session = new Session(command);
    const rotation = command.opts<Rotation>();
    const { alg, kid, emergency } = rotation;
    if (kid !== undefined && !emergency) throw new UsageError('--kid requires --emergency.');
    if (kid !== undefined && alg !== undefined) throw new UsageError('Use either --kid or --alg, not both.');
    await session.confirm(emergency ? emergencyQuestion(rotation) : `Rotate the ${alg ? `${alg} ` : ''}signing keys?`);
    const api = await session.api();
    const answer = await api.post<Page<SigningKey>>(`${PATH}/rotate`, { alg, kid, emergency });
    if (session.json || isUnderWay(answer)) return showChanged(session, answer);
    const { data } = emergency ? (await api.get<Page<SigningKey>>(PATH)).body : answer.body;
    session.list(COLUMNS, data);
    if (emergency) session.terminal.note(OFFLINE_VERIFIERS);
  });
}

function emergencyQuestion({ alg, kid }: Rotation): string {
  const keys = kid === undefined ? `the active ${alg ? `${alg} key` : 'keys'}` : `the key ${kid}`;
  return (
    `Remove ${keys} as compromised? All tokens signed with them become inactive for good. If verifiers do not know the next key yet, ` +
    'no token of its algorithm is issued until they do.'
  );
}

const OFFLINE_VERIFIERS =
  'The tokens of the removed keys are inactive. Offline verifiers accept them until they fetch the JWKS again: ' +
  `at most ${JWKS_MAX_AGE} s if they respect its max-age.`;
