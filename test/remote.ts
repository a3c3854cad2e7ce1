// What tests say to the network's other side: test/outbound.ts. A test file takes hosts of its own, since all files have the same network.

/** The host that is told what to play, and tells what it saw. */
export const CONTROL_HOST = 'outbound.control';

/** What is answered at a URL. */
export interface Play {
  /** 200 unless it says otherwise. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent; with `times` so many times over. */
  readonly body?: string;
  /** The same in base64, for what is no text. */
  readonly bytes?: string;
  /** How often the body is sent; null for ever, where it is not compressed. */
  readonly times?: number | null;
  /** Milliseconds before the headers. */
  readonly delayMs?: number;
  /** Milliseconds before each time that the body is sent. */
  readonly dripMs?: number;
  /** The body goes out compressed, and says so. */
  readonly gzip?: boolean;
  /** The connection breaks: before the headers, or after the body. */
  readonly breaks?: 'at_once' | 'after_body';
}

/** What became known at a URL. */
export interface Seen {
  /** How often it was asked. */
  readonly asked: number;
  /** Bytes of bodies that went out: as many as the network between takes, and the connection's buffers are filled with. */
  readonly sent: number;
  /** Answers that are being given still. */
  readonly open: number;
  /** The headers of the last request. */
  readonly headers: Readonly<Record<string, string>>;
}

/** From here on this is answered at `https://<host><path>`. */
export async function publish(host: string, path: string, play: Play): Promise<void> {
  await control({ host, path, play });
}

/** From here on JSON is answered at `https://<host><path>`. */
export function publishJson(host: string, path: string, document: unknown, play: Play = {}): Promise<void> {
  return publish(host, path, { body: JSON.stringify(document), ...play });
}

/**
 * From here on a host is an issuer of tokens: its discovery document leads to its keys.
 * @returns the issuer
 */
export async function publishIssuer(host: string, keys: readonly unknown[], path = ''): Promise<string> {
  const issuer = `https://${host}${path}`;
  const metadata = { issuer, jwks_uri: `${issuer}/jwks` };
  await publishJson(host, `${path}/.well-known/openid-configuration`, metadata);
  await publishJson(host, `${path}/jwks`, { keys });
  return issuer;
}

/** What became known at `https://<host><path>` since the tests began. */
export async function seen(host: string, path: string): Promise<Seen> {
  return control({ host, path });
}

/** How often `https://<host><path>` was asked for since the tests began. */
export async function asked(host: string, path: string): Promise<number> {
  return (await seen(host, path)).asked;
}

async function control(body: { host: string; path: string; play?: Play }): Promise<Seen> {
  const response = await fetch(`https://${CONTROL_HOST}/`, { method: 'POST', body: JSON.stringify(body) });
  return (await response.json()) as Seen;
}
