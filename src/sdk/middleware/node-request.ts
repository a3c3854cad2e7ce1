import type { ResourceRequest } from '../verify/options.ts';

/** The members of a request that frameworks for Node share. */
export interface NodeMessage {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Node drops a second `Authorization` from `headers`, but not from here. Not all servers have it. */
  readonly headersDistinct?: Readonly<Record<string, readonly string[] | undefined>> | undefined;
}

/** The origin of a request without a usable `Host`. No proof is for it. */
const NO_ORIGIN = 'http://host.invalid';

/**
 * Returns a request of Node in the form that the verifier reads.
 * @param origin the scheme and host of the request, such as `https://orders.example`
 * @param target the target of the request, as the client sent it
 */
export function resourceRequest(message: NodeMessage, origin: string, target: string): ResourceRequest {
  // A client may send the whole URL, whose host it chose.
  const path = target.startsWith('/') ? target : URL.canParse(target) ? new URL(target).pathname : '/';
  return {
    method: message.method ?? 'GET',
    url: `${URL.canParse(`${origin}${path}`) ? origin : NO_ORIGIN}${path}`,
    headers: { get: (name) => headerOf(message, name.toLowerCase()) },
  };
}

/** Returns the values of a header as `Headers` joins them: two proofs or two tokens must not pass for one. */
function headerOf({ headers, headersDistinct }: NodeMessage, name: string): string | null {
  const value = headersDistinct?.[name] ?? headers[name];
  return typeof value === 'object' ? value.join(', ') : (value ?? null);
}
