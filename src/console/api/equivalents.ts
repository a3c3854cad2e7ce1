import { shellWord } from '../../lib/shell-word.ts';
import { ISSUER_URL } from './address.ts';

/** A call as it is shown to people who want to script it. */
export interface ShownCall {
  readonly method: string;
  /** The path with its parameters filled in, such as `/v1/clients/abc`. */
  readonly path: string;
  readonly body?: unknown;
  readonly ifMatch?: string;
  /** The media type that is asked for, if it is not JSON. */
  readonly accept?: string;
}

/** Returns a call as a curl command. The key is a variable, never the value. */
export function curlFor({ method, path, body, ifMatch, accept }: ShownCall): string {
  const verb = method.toUpperCase();
  return [
    `curl ${verb === 'GET' ? '' : `-X ${verb} `}${shellWord(`${ISSUER_URL}${path}`)}`,
    '-H "Authorization: Bearer $EDGEMINT_API_KEY"',
    ...(accept === undefined ? [] : [`-H ${shellWord(`Accept: ${accept}`)}`]),
    ...(ifMatch === undefined ? [] : [`-H ${shellWord(`If-Match: ${ifMatch}`)}`]),
    ...(body === undefined
      ? []
      : [`-H 'Content-Type: application/json'`, `-d ${shellWord(JSON.stringify(body, null, 2))}`]),
  ].join(' \\\n  ');
}
