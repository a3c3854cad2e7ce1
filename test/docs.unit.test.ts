import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EXPLANATIONS } from '../src/management/diagnosis/explanations.ts';
import { FINDINGS } from '../src/management/diagnosis/finding-texts.ts';
import { WEBHOOKS_PER_OWNER } from '../src/store/constants.ts';
import { WEBHOOK_EVENTS } from '../src/store/webhook-events.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const markdownIn = (folder: string) => readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md'));
const PAGES = ['.', 'docs', 'docs/moving-in'].flatMap((folder) => markdownIn(folder).map((name) => join(folder, name)));

const read = (page: string) => readFileSync(join(ROOT, page), 'utf8');
const withoutBlocks = (text: string) => text.replace(/^ *```.*?^ *```$/gms, '');

/** Returns the anchors of a page, built from its headings like GitHub does. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutBlocks(read(page)).matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\-_ ]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again++) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Returns the broken relative links of a page: their file does not exist, or the page has no such anchor. */
function brokenLinks(page: string, text = read(page)): string[] {
  const targets = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  const relative = targets.filter((target) => !/^[a-z]+:/.test(target));
  return relative.filter((target) => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(ROOT, file))) return true;
    return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor);
  });
}

/** Returns the paths in backticks that begin with a folder of the repository and do not exist. */
function missingPaths(text: string): string[] {
  const paths = [...withoutBlocks(text).matchAll(/`((?:src|test|docs|migrations)\/[\w./-]*)`/g)];
  return paths.map(([, path = '']) => path).filter((path) => !existsSync(join(ROOT, path)));
}

test('there are pages to check, and a broken link or path is found', () => {
  expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/architecture.md']));
  const links =
    '[a](deploy.md#watching-it) [b](deploy.md#no-such) [c](no-such.md) [d](#watching-it) [e](https://example.com)';
  expect(brokenLinks('docs/deploy.md', links)).toEqual(['deploy.md#no-such', 'no-such.md']);
  expect(missingPaths('`src/app.ts` `src/oauth/` `src/no-such.ts`')).toEqual(['src/no-such.ts']);
});

test.each(PAGES)('the relative links of %s lead to files and anchors that exist', (page) => {
  expect(brokenLinks(page)).toEqual([]);
});

test.each(PAGES)('the paths that %s names exist', (page) => {
  expect(missingPaths(read(page))).toEqual([]);
});

test.each(PAGES)('every JSON block of %s is JSON, or one JSON value a line', (page) => {
  for (const [, block = ''] of read(page).matchAll(/^ *```json\n(.*?)^ *```$/gms)) {
    const isLines = block.startsWith('{"');
    for (const text of isLines ? block.trim().split('\n') : [block]) expect(() => JSON.parse(text)).not.toThrow();
  }
});

test.each(PAGES)('no TypeScript block of %s is cut off after an equals sign', (page) => {
  const blocks = [...read(page).matchAll(/^ *```ts\n(.*?)^ *```$/gms)].map(([, block = '']) => block.trimEnd());
  expect(blocks.filter((block) => block.endsWith('='))).toEqual([]);
});

test('the page about webhooks has every event that a webhook can receive, and no other', () => {
  const page = read('docs/webhooks.md');
  const [, events = ''] = page.split('\n## Events\n');
  const types = events
    .split('\n')
    .flatMap((row) => (row.split('|')[1] ?? '').match(/(?<=`)[a-z_]+\.[a-z_]+(?=`)/g) ?? []);
  expect(types.sort()).toEqual(WEBHOOK_EVENTS);
  expect(page).toContain(`can have ${WEBHOOKS_PER_OWNER} webhooks`);
});

test('the page about refusals explains every reason and every finding, in the words of the API', () => {
  const page = read('docs/troubleshooting.md');
  for (const [reason, { meaning, next_step }] of Object.entries(EXPLANATIONS)) {
    expect(page).toContain(`| \`${reason}\` | ${meaning} | ${next_step} |`);
  }
  for (const [finding, { severity, meaning, next_step }] of Object.entries(FINDINGS)) {
    expect(page).toContain(`| \`${finding}\` | ${severity} | ${meaning} | ${next_step} |`);
  }
});
