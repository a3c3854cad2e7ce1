import { type Command, Option } from 'commander';
import { UsageError } from '../failures.ts';
import { listing } from '../output.ts';
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
  const group = program.command('keys').description('signing keys, with the root key');
  addList(group, 'list the keys that sign, or will, or did', COLUMNS, () => ({ path: PATH, isOwned: false }));
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
    .description('let the next keys sign, and make others; the old ones stay published for their tokens')
    .addOption(new Option('--alg <alg>', 'of this algorithm alone').choices(['ES256', 'RS256', 'EdDSA']))
    .option('--emergency', 'the keys that sign are compromised: take them out, and their tokens with them')
    .option('--kid <kid>', 'with --emergency: this key alone, whatever its status');
  command.action(async () => {
    const session = new Session(command);
    const rotation = command.opts<Rotation>();
    const { alg, kid, emergency } = rotation;
    if (kid !== undefined && !emergency) throw new UsageError('--kid goes with --emergency.');
    if (kid !== undefined && alg !== undefined) throw new UsageError('--kid and --alg do not go together.');
    await session.confirm(emergency ? emergencyQuestion(rotation) : `Rotate the ${alg ? `${alg} ` : ''}signing keys?`);
    const api = await session.api();
    const answer = await api.post<Page<SigningKey>>(`${PATH}/rotate`, { alg, kid, emergency });
    if (session.json || isUnderWay(answer)) return showChanged(session, answer);
    const { data } = emergency ? (await api.get<Page<SigningKey>>(PATH)).body : answer.body;
    session.terminal.print(listing(COLUMNS, data));
    if (emergency) session.terminal.note(OFFLINE_VERIFIERS);
  });
}

function emergencyQuestion({ alg, kid }: Rotation): string {
  const what = kid === undefined ? `the ${alg ? `${alg} key that signs` : 'keys that sign'}` : `the key ${kid}`;
  return (
    `Take out ${what} as compromised? Every token signed so becomes inactive, for good. A next key that not every verifier has yet ` +
    'signs only when they have: no token of its algorithm is issued until then.'
  );
}

const OFFLINE_VERIFIERS =
  'No token that was signed so is active any more. Who verifies offline accepts such tokens for as long as they keep the old JWKS: 600 s at ' +
  'most, if they heed its max-age.';
