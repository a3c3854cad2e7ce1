import { Session } from 'node:inspector/promises';
import { expect, test } from 'vitest';
import { Redacted } from '../src/log/redacted.ts';

// `wrangler dev` prints such a preview of a logged object to its terminal, and debuggers show it. It includes private fields.
test('a debugger’s preview of what is redacted shows nothing', async () => {
  class Exposed {
    readonly #secret = 'a-secret';
    reveal = () => this.#secret;
  }
  Object.assign(globalThis, { previewed: [new Redacted('a-secret'), new Exposed()] });
  const session = new Session();
  session.connect();
  const preview = async (index: number) => {
    const expression = `globalThis.previewed[${index}]`;
    return JSON.stringify(await session.post('Runtime.evaluate', { expression, generatePreview: true }));
  };
  expect(await preview(1)).toContain('a-secret');
  expect(await preview(0)).not.toContain('a-secret');
  session.disconnect();
});
