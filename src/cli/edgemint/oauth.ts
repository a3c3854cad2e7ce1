import { Failure } from '../failure.ts';
import { exchange, readJson } from './http.ts';
import { line } from './printable.ts';
import type { Terminal } from './terminal.ts';

export interface ClientCredentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/**
 * Posts a form to an OAuth endpoint and returns the JSON of its answer.
 * @param authorization the value of the Authorization header, if the credential is not in the form
 * @throws Failure with the error of [RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)
 */
export async function postForm(
  url: string,
  form: Readonly<Record<string, string | undefined>>,
  authorization: string | undefined,
  terminal: Terminal,
): Promise<unknown> {
  const fields = Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const init = {
    method: 'POST',
    headers: authorization === undefined ? {} : { Authorization: authorization },
    body: new URLSearchParams(fields),
  };
  const { response } = await exchange(new URL(url), init, terminal);
  const body = await readJson(response);
  if (response.ok) return body;
  const { error = 'error', error_description = '' } = Object(body);
  throw new Failure(
    `The request was refused (${response.status}): ${line([error, error_description].filter(Boolean).join(': '))}`,
  );
}

/**
 * Encodes credentials for `client_secret_basic`. Both are form-encoded first:
 * [RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1).
 */
export function encodeBasic({ client_id, client_secret }: ClientCredentials): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
  return `Basic ${btoa(`${encode(client_id)}:${encode(client_secret)}`)}`;
}
