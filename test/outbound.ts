import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { CONTROL_HOST, type Play, type Seen } from './remote.ts';

// The network outside the Worker under test: it plays any host, as tests have programmed it through `CONTROL_HOST`. One instance serves all
// test files, beside the runtime, so each file needs its own hosts. Tests reach it through test/remote.ts.

interface Place {
  play: Play | undefined;
  seen: Seen;
}

const places = new Map<string, Place>();

function place(host: string, path: string): Place {
  const key = host + path;
  const known = places.get(key) ?? { play: undefined, seen: { asked: 0, sent: 0, open: 0, headers: {}, received: [] } };
  places.set(key, known);
  return known;
}

/** Answers the requests that the Worker sends. Breaks the connection if nothing is published at the URL. */
export async function outbound(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const host = request.headers.host ?? '';
  const path = request.url ?? '/';
  if (host === CONTROL_HOST) return control(request, response);
  const at = place(host, path);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const sent = request.method === 'POST' ? await bodyFrom(request) : undefined;
  const received = sent === undefined ? at.seen.received : [...at.seen.received, { headers, body: sent }];
  at.seen = { ...at.seen, asked: at.seen.asked + 1, open: at.seen.open + 1, headers, received };
  response.on('error', () => undefined);
  response.on('close', () => {
    at.seen = { ...at.seen, open: at.seen.open - 1 };
  });
  await perform(at, response);
}

async function control(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { host, path, play } = JSON.parse(await bodyFrom(request)) as {
    host: string;
    path: string;
    play?: Play;
  };
  const at = place(host, path);
  if (play) at.play = play;
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(at.seen));
}

async function bodyFrom(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function perform(at: Place, response: ServerResponse): Promise<void> {
  const { play } = at;
  if (play?.delayMs) await wait(play.delayMs);
  if (!play || play.breaks === 'at_once') {
    response.destroy();
    return;
  }
  response.writeHead(play.status ?? 200, {
    'Content-Type': 'application/json',
    ...(play.gzip && { 'Content-Encoding': 'gzip' }),
    ...play.headers,
  });
  response.flushHeaders();
  // The Worker may close the connection at any time.
  await pipeline(bodyOf(at, play), response, { end: play.breaks === undefined }).catch(() => undefined);
  if (play.breaks === 'after_body') response.destroy();
}

async function* bodyOf(at: Place, { body = '', bytes, times = 1, gzip, dripMs }: Play): AsyncGenerator<Buffer> {
  const once = bytes === undefined ? Buffer.from(body) : Buffer.from(bytes, 'base64');
  const parts = gzip ? [gzipSync(Buffer.alloc(once.length * (times ?? 1), once))] : repeated(once, times);
  for (const part of parts) {
    if (dripMs) await wait(dripMs);
    at.seen = { ...at.seen, sent: at.seen.sent + part.length };
    yield part;
  }
}

function* repeated(part: Buffer, times: number | null): Generator<Buffer> {
  for (let time = 0; times === null || time < times; time++) yield part;
}

// The timer does not keep the process alive, so a delay that nothing waits for any more cannot hold up the end of the run.
function wait(milliseconds: number): Promise<void> {
  return sleep(milliseconds, undefined, { ref: false });
}
