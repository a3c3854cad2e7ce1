import { expect, test } from 'vitest';
import { getToken, introspect, requestToken, send, world } from '../http.ts';
import { holding, slowing, startNewIsolate } from '../instruments.ts';
import { type RequestLine, requestLines } from './lines.ts';

/** Pairs answers with their log lines by request id. */
async function paired<T>(requests: readonly (() => Promise<Response>)[], tell: (line: RequestLine) => T): Promise<T[]> {
  let answers: Response[] = [];
  const lines = await requestLines(async () => {
    answers = await Promise.all(requests.map((request) => request()));
  });
  expect(lines).toHaveLength(requests.length);
  return answers.map(({ headers }) => {
    const line = lines.find(({ request_id }) => request_id === headers.get('X-Request-Id'));
    if (!line) throw new Error('an answer without its line');
    return tell(line);
  });
}

const callsOf = (line: RequestLine, store: string) => (line[store] as { calls: number } | undefined)?.calls ?? 0;

test('requests at the same time keep their lines apart', async () => {
  const [one, other] = [await world('apart-one'), await world('apart-other')];
  for (const { worker, api } of [one, other]) {
    const { access_token } = await getToken(worker);
    await introspect(api, access_token);
  }
  const requests = Array.from({ length: 20 }, (_, index) => {
    const { worker, identifier } = index % 2 === 0 ? one : other;
    if (index % 5 === 0) return { ask: () => send('/healthz'), expected: [undefined, undefined, null] };
    const wrong = index % 3 === 0;
    return {
      ask: () => requestToken(wrong ? { ...worker, client_secret: 'x' } : worker),
      expected: wrong ? [worker.client_id, undefined, 'mistyped_secret'] : [worker.client_id, identifier, null],
    };
  });
  const found = await slowing(20, () =>
    paired(
      requests.map(({ ask }) => ask),
      ({ client_id, aud, reason }) => [client_id, aud, reason],
    ),
  );
  expect(found).toEqual(requests.map(({ expected }) => expected));
});

test('a call to a gate that several introspections share counts for the one that made it', async () => {
  const { worker, api } = await world('shared-gate');
  const token = (await getToken(worker)).access_token;
  await introspect(api, token);
  const requests = Array.from({ length: 10 }, () => () => introspect(api, token));
  const found = await slowing(20, () =>
    paired(requests, (line) => ({ client: line.client_id, reason: line.reason, calls: callsOf(line, 'gate') })),
  );
  // The first request has its own call. The requests that arrive during it share the next call.
  expect(found.map(({ calls }) => calls).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
  expect(new Set(found.map(({ client, reason }) => `${client} ${reason}`))).toEqual(new Set([`${api.client_id} null`]));
});

test('a read of the keys that several requests wait for counts for the one that began it', async () => {
  const [one, other] = [await world('shared-ring'), await world('shared-ring-too')];
  for (const { worker } of [one, other]) await getToken(worker);
  startNewIsolate();
  const clients = [one.worker, other.worker, one.worker, other.worker];
  const requests = clients.map((client) => () => requestToken(client));
  const found = await holding('d1', ({ held, release }) => {
    const lines = paired(requests, (line) => ({ client: line.client_id, calls: callsOf(line, 'd1') }));
    void (async () => {
      while (held() === 0) await scheduler.wait(5);
      await scheduler.wait(50);
      release();
    })();
    return lines;
  });
  expect(found.map(({ calls }) => calls).sort()).toEqual([0, 0, 0, 1]);
  expect(found.map(({ client }) => client)).toEqual(clients.map(({ client_id }) => client_id));
});
