import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EdgemintApart } from '../harness/apart.ts';
import { ROOT_API_KEY } from '../harness/edgemint.ts';
import { register } from '../interop/management.ts';
import { seeded } from '../random.ts';
import { sized } from '../size.ts';

// Kills the server while clients spend their quota, at moments that a seed determines. No token beyond the quota may ever arrive.

const QUOTA = 60;
const CLIENTS = 4;
const AT_ONCE = 4;
const KILLS = sized({ small: 3, soak: 20 });

let edgemint: EdgemintApart;

beforeAll(async () => {
  edgemint = await EdgemintApart.prepare();
});

afterAll(() => edgemint?.remove());

test('a server that is killed while it issues never issues more tokens than the quota', {
  timeout: 300_000,
}, async () => {
  const { below } = seeded(7);
  await edgemint.start();
  const { registerMachine } = await register({ issuer: edgemint.issuer, rootApiKey: ROOT_API_KEY });
  const quota = { tokens_per_month: QUOTA, action: 'enforce' };
  const rate_limit = { per_minute: 1_000_000, burst: 1_000_000 };
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => ({
      ...(await registerMachine({ quota, rate_limit })),
      issued: 0,
      lost: 0,
      isSpent: false,
    })),
  );

  /** Requests a token, and returns the status; 0 if the answer was lost. */
  const request = async (client: (typeof clients)[number]): Promise<number> => {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: client.client_id,
      client_secret: String(client.client_secret),
    });
    const status = await fetch(`${edgemint.issuer}/oauth2/token`, { method: 'POST', body }).then(
      async (answer) =>
        await answer.json().then(
          () => answer.status,
          () => 0,
        ),
      () => 0,
    );
    if (status === 200) client.issued++;
    if (status === 429) client.isSpent = true;
    if (status !== 200 && status !== 429) client.lost++;
    return status;
  };

  const total = () => clients.reduce((sum, { issued }) => sum + issued, 0);
  for (let kill = 0; kill < KILLS; kill++) {
    const goal = total() + 5 + below((CLIENTS * QUOTA) / (KILLS + 1));
    let isOver = false;
    const load = clients.flatMap((client) =>
      Array.from({ length: AT_ONCE }, async () => {
        while (!isOver && total() < goal && !client.isSpent) await request(client);
      }),
    );
    // What was lost with the kills before may be missing.
    while (total() < goal && clients.some(({ isSpent }) => !isSpent)) await sleep(1);
    const killed = edgemint.kill();
    isOver = true;
    await Promise.all([...load, killed]);
    await edgemint.start();
  }
  for (const client of clients) {
    let status = 0;
    while (status !== 429) status = await request(client);
    expect(await request(client)).toBe(429);
    expect(client.issued).toBeLessThanOrEqual(QUOTA);
    // Only a request without an answer may have used up a token.
    expect(client.issued + client.lost).toBeGreaterThanOrEqual(QUOTA);
  }
  console.log(clients.map(({ issued, lost }) => `${issued} issued, ${lost} lost`).join('; '));
});
