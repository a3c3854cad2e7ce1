import { shellWord } from '../../lib/shell-word.ts';
import type { Checked } from './check.ts';
import type { Keys } from './keys-file.ts';

/** Returns what to say about the file with the keys. */
export function keysLines(file: string, keys: Keys): string[] {
  return [
    `${Object.keys(keys).join(' and ')}: in ${file}, which only you can read. Keep a copy in a safe place.`,
    ...(keys.MASTER_KEY === undefined
      ? []
      : ['Without MASTER_KEY the database is worthless: no key in it can sign, and no secret in it can be checked.']),
  ];
}

/** Returns what a check has shown. */
export function checkedLine({ token }: Checked): string {
  return token === 'works'
    ? 'Checked: health, metadata, and a token that was issued, introspected and revoked.'
    : 'Checked: health and metadata. With a --keys-file that holds the ROOT_API_KEY, a token is tried as well.';
}

/** Returns the commands from here to the first token. */
export function nextLines(baseUrl: string, keysFile: string): string[] {
  return [
    '',
    'Next, for the first token:',
    '',
    `  sed -n 's/^ROOT_API_KEY=//p' ${shellWord(keysFile)} | npx edgemint login --url ${baseUrl}`,
    `  export EDGEMINT_ORGANIZATION=$(npx edgemint organizations create --name Acme --json | sed -n 's/.*"id": "\\(org_[^"]*\\)".*/\\1/p')`,
    '  npx edgemint resource-servers create --identifier https://api.example.com/orders --name Orders --scope orders:read',
    '  npx edgemint clients create --name "Order worker" --grant "https://api.example.com/orders orders:read"',
    '',
    'The last one prints client_id and client_secret. With the id, the next one asks for the secret and prints a token:',
    '',
    `  EDGEMINT_CLIENT_ID='<client_id>' npx edgemint tokens issue --url ${baseUrl}`,
    '',
    'A machine has the secret in EDGEMINT_CLIENT_SECRET, never in an argument.',
  ];
}
