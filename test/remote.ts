// Programs the network outside the Worker: test/outbound.ts. Each test file needs its own hosts, because all files share that network.

/** The host through which tests program the network and read what it received. */
export const CONTROL_HOST = 'outbound.control';

/** The answer that a URL gives. */
export interface Play {
  /** The status; 200 by default. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body; `times` repeats it. */
  readonly body?: string;
  /** The body in base64, if it is not text. */
  readonly bytes?: string;
  /** How often the body is sent. Null repeats it without end, which `gzip` does not support. */
  readonly times?: number | null;
  /** Delay before the headers, in milliseconds. */
  readonly delayMs?: number;
  /** Delay before each repetition of the body, in milliseconds. */
  readonly dripMs?: number;
  /** Whether the body is sent compressed, with `Content-Encoding: gzip`. */
  readonly gzip?: boolean;
  /** When the connection breaks: before the headers, or after the body. */
  readonly breaks?: 'at_once' | 'after_body';
}

/** The requests that a URL has received. */
export interface Seen {
  /** The number of requests. */
  readonly asked: number;
  /** Bytes of bodies that were sent: as many as the network between accepts, including those that fill the connection's buffers. */
  readonly sent: number;
  /** The number of answers that are still being sent. */
  readonly open: number;
  /** The headers of the last request. */
  readonly headers: Readonly<Record<string, string>>;
  /** The POST requests, the first one first. */
  readonly received: readonly { readonly headers: Readonly<Record<string, string>>; readonly body: string }[];
}

/** Sets the answer at `https://<host><path>` from now on. */
export async function publish(host: string, path: string, play: Play): Promise<void> {
  await control({ host, path, play });
}

/** Sets a JSON answer at `https://<host><path>` from now on. */
export function publishJson(host: string, path: string, document: unknown, play: Play = {}): Promise<void> {
  return publish(host, path, { body: JSON.stringify(document), ...play });
}

/**
 * Makes a host an issuer of tokens from now on: it publishes a discovery document that leads to its keys.
 * @returns the issuer
 */
export async function publishIssuer(host: string, keys: readonly unknown[], path = ''): Promise<string> {
  const issuer = `https://${host}${path}`;
  const metadata = { issuer, jwks_uri: `${issuer}/jwks` };
  await publishJson(host, `${path}/.well-known/openid-configuration`, metadata);
  await publishJson(host, `${path}/jwks`, { keys });
  return issuer;
}

/** Returns the requests to `https://<host><path>` since the tests began. */
export async function seen(host: string, path: string): Promise<Seen> {
  return control({ host, path });
}

/** Returns the number of requests to `https://<host><path>` since the tests began. */
export async function asked(host: string, path: string): Promise<number> {
  return (await seen(host, path)).asked;
}

async function control(body: { host: string; path: string; play?: Play }): Promise<Seen> {
  const response = await fetch(`https://${CONTROL_HOST}/`, { method: 'POST', body: JSON.stringify(body) });
  return (await response.json()) as Seen;
}
