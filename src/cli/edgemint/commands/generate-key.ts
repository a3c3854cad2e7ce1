import { rm, writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { JWK } from 'jose';
import { SECRET_FILE_MODE } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import { generateKey, KEY_ALGS, type KeyAlg, publicJwk } from '../keys.ts';
import { line } from '../printable.ts';
import type { Client } from '../representations.ts';
import { RequestError } from '../request-error.ts';
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
    const { body: client, etag } = await api.get<Client & { jwks: { keys: JWK[] } | null; jwks_uri: string | null }>(
      path,
    );
    const { token_endpoint_auth_method, additional_auth_methods, jwks, jwks_uri } = client;
    const key = generateKey(alg);
    const jwk = { ...publicJwk(key), alg };
    if (jwks_uri && !only) {
      throw new Failure('The client publishes its keys at its jwks_uri. Add the key there, or replace it with --only.');
    }
    // First, so that no key is registered whose private part is lost.
    await writeNew(out, String(key.export({ type: 'pkcs8', format: 'pem' })));
    const others = [token_endpoint_auth_method, ...additional_auth_methods].filter((one) => one !== 'private_key_jwt');
    const change = api.patch(
      path,
      {
        ...(jwks_uri && { jwks_uri: null }),
        jwks: { keys: [...(only ? [] : (jwks?.keys ?? [])), jwk] },
        token_endpoint_auth_method: 'private_key_jwt',
        additional_auth_methods: only ? [] : others,
      },
      { ifMatch: etag ?? undefined },
    );
    const answer = await change.catch(async (error: unknown) => {
      // A refused key is of no use, and would be in the way of the next try. After any other failure it may be registered.
      if (error instanceof RequestError && error.status >= 400 && error.status < 500) await rm(out, { force: true });
      throw error;
    });
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
