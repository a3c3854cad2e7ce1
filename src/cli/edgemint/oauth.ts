import { isJsonObject } from '../../lib/json.ts';
import { Failure } from '../failure.ts';
import { exchange, readJson } from './http.ts';
import { line } from './printable.ts';
import type { Terminal } from './terminal.ts';

export interface ClientCredentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/** An OAuth endpoint refused a request: [RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2). */
export class OAuthRefusal extends Failure {
  readonly status: number;
  readonly error: string;
  readonly error_description: string;

  constructor(status: number, answer: { readonly error?: unknown; readonly error_description?: unknown }) {
    const { error = 'error', error_description = '' } = answer;
    const reason = [error, error_description].filter(Boolean).join(': ');
    super(`The request was refused (${status}): ${line(reason)}`);
    this.status = status;
    this.error = String(error);
    this.error_description = String(error_description);
  }
}

/**
 * Posts a form to an OAuth endpoint and returns the JSON of its answer.
 * @param member what a right answer has
 * @param authorization the value of the Authorization header, if the credential is not in the form
 * @throws OAuthRefusal, and Failure if there is no answer
 */
export async function postForm(
  url: string,
  form: Readonly<Record<string, string | undefined>>,
  member: 'access_token' | 'active',
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
  if (response.ok && isJsonObject(body) && Object.hasOwn(body, member)) return body;
  if (response.ok) throw new Failure(`${url} did not answer as an Edgemint does. Is the URL right?`);
  throw new OAuthRefusal(response.status, Object(body));
}

/**
 * Encodes credentials for `client_secret_basic`. Both are form-encoded first:
 * [RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1).
 */
export function encodeBasic({ client_id, client_secret }: ClientCredentials): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
  return `Basic ${btoa(`${encode(client_id)}:${encode(client_secret)}`)}`;
}
