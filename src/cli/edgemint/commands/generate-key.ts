import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { JWK } from 'jose';
import { SECRET_FILE_MODE } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import { generateKey, KEY_ALGS, type KeyAlg, publicJwk } from '../keys.ts';
import { line } from '../printable.ts';
import type { Client } from '../representations.ts';
import { Session } from '../session.ts';
import { isUnderWay, itemPath, NAME_OR_ID, showChanged } from './crud.ts';

interface Options {
  readonly out: string;
  readonly alg: KeyAlg;
  readonly only?: boolean;
}

/** Adds `generate-key`. The private key never leaves this machine. */
export function addGenerateKey(group: Command): void {
  const command = group
    .command('generate-key')
    .description('make a key pair on this machine, register the public key, and let the client authenticate with it')
    .argument('<client>', NAME_OR_ID)
    .requiredOption('--out <file>', 'the new file for the private key, such as worker.pem: PEM, readable by you alone')
    .addOption(new Option('--alg <alg>', 'the algorithm of the key').choices(KEY_ALGS).default('ES256'))
    .option('--only', 'accept no other credential of the client any more');
  command.action(async (named: string) => {
    const session = new Session(command);
    const { out, alg, only } = command.opts<Options>();
    const api = await session.api();
    const path = itemPath('clients', await session.find('client', named));
    const { body: client, etag } = await api.get<Client & { jwks: { keys: JWK[] } | null }>(path);
    const key = generateKey(alg);
    const jwk = { ...publicJwk(key), alg };
    // First, so that no key is registered whose private part is lost.
    await writeNew(out, String(key.export({ type: 'pkcs8', format: 'pem' })));
    const { token_endpoint_auth_method, additional_auth_methods, jwks } = client;
    const others = [token_endpoint_auth_method, ...additional_auth_methods].filter((one) => one !== 'private_key_jwt');
    const answer = await api.patch(
      path,
      {
        jwks: { keys: [...(only ? [] : (jwks?.keys ?? [])), jwk] },
        token_endpoint_auth_method: 'private_key_jwt',
        additional_auth_methods: only ? [] : others,
      },
      { ifMatch: etag ?? undefined },
    );
    if (session.json || isUnderWay(answer)) showChanged(session, answer);
    const { client_id, client_name } = client;
    session.done(
      `Registered the ${alg} key ${jwk.kid} of ${client_name} (${client_id}). Its private key is in ${out}.`,
    );
    session.terminal.note(line(`Get a token: edgemint tokens issue --client-id ${client_id} --key-file ${out}`));
    if (!only && others.length > 0)
      session.terminal.note(line(`The client may still use ${others.join(', ')}. --only ends that, and older keys.`));
  });
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode: SECRET_FILE_MODE });
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    const reason = exists ? 'already exists. Name a new file' : 'could not be written';
    throw new Failure(`${file} ${reason}. Nothing was done.`);
  }
}
