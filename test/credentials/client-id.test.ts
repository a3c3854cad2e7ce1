import { expect, test } from 'vitest';
import { generateClientId, OwnClientIds } from '../../src/credentials/client-id.ts';
import { deriveMasterKeys, type MasterKeys } from '../../src/credentials/master-key.ts';
import { Redacted } from '../../src/log/redacted.ts';
import { seeded } from '../random.ts';

const first = new Redacted(new Uint8Array(32).fill(1));
const second = new Redacted(new Uint8Array(32).fill(2));
const masterKeys = await deriveMasterKeys([first]);

function isOwnClientId(id: string, masterKeys: MasterKeys): Promise<boolean> {
  return new OwnClientIds(async () => masterKeys).has(id);
}

test('a generated id is known as our own', async () => {
  const id = await generateClientId(masterKeys);
  expect(id).toMatch(/^emc_[0-9A-Za-z]{30}$/);
  expect(await isOwnClientId(id, masterKeys)).toBe(true);
  expect(await generateClientId(masterKeys)).not.toBe(id);
});

test('an id with any one character changed is an invented one', async () => {
  const id = await generateClientId(masterKeys);
  for (let at = 0; at < id.length; at++) {
    const changed = id.slice(0, at) + (id.charAt(at) === 'a' ? 'b' : 'a') + id.slice(at + 1);
    expect(await isOwnClientId(changed, masterKeys), changed).toBe(false);
  }
});

test('text of any bytes is no id of ours', async () => {
  const random = seeded(1);
  const id = await generateClientId(masterKeys);
  for (const text of ['', 'emc_', `${id}\0`, `${id}\n`, ` ${id}`, id.toUpperCase(), id.slice(0, -1), `${id}0`]) {
    expect(await isOwnClientId(text, masterKeys), JSON.stringify(text)).toBe(false);
  }
  for (let i = 0; i < 300; i++) {
    const text = String.fromCharCode(...random.bytes(random.below(100)));
    expect(await isOwnClientId(text, masterKeys), JSON.stringify(text)).toBe(false);
  }
});

test('an id stays our own while any accepted master key made it, and no longer', async () => {
  const id = await generateClientId(masterKeys);
  expect(await isOwnClientId(id, await deriveMasterKeys([second, first]))).toBe(true);
  expect(await isOwnClientId(id, await deriveMasterKeys([second]))).toBe(false);
});

test('a new id is made with the current master key', async () => {
  const id = await generateClientId(await deriveMasterKeys([second, first]));
  expect(await isOwnClientId(id, await deriveMasterKeys([second]))).toBe(true);
  expect(await isOwnClientId(id, masterKeys)).toBe(false);
});
