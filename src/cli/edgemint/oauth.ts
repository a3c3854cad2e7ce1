import { Failure } from '../failure.ts';
import { exchange, readJson } from './http.ts';
import { line } from './printable.ts';
import type { Terminal } from './terminal.ts';

export interface ClientCredentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/**
 * Posts a form to an OAuth endpoint.
 * @param authorization as the header has it
 * @throws Failure with the error as [RFC 6749](https://www.rfc-editor.org/rfc/rfc6749#section-5.2) has it
 */
export async function postForm(
  url: string,
  form: Readonly<Record<string, string | undefined>>,
  authorization: string,
  terminal: Terminal,
): Promise<unknown> {
  const given = Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const init = { method: 'POST', headers: { Authorization: authorization }, body: new URLSearchParams(given) };
  const { response } = await exchange(new URL(url), init, terminal);
  const body = await readJson(response);
  if (response.ok) return body;
  const { error = 'error', error_description = '' } = Object(body);
  throw new Failure(
    `The request was refused (${response.status}): ${line([error, error_description].filter(Boolean).join(': '))}`,
  );
}

/** `client_secret_basic`: [RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1) has both form-encoded first. */
export function basic({ client_id, client_secret }: ClientCredentials): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
  return `Basic ${btoa(`${encode(client_id)}:${encode(client_secret)}`)}`;
}
