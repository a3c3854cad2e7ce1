import { spawn } from 'node:child_process';
import { type Command, Option } from 'commander';
import { seconds } from '../parse.ts';
import { line } from '../printable.ts';
import { Session } from '../session.ts';
import { addCreate, type Collection } from './crud.ts';

interface Link {
  readonly id: string;
  readonly url: string;
  readonly expires_at: string;
}

/** Adds `console`. */
export function addConsole(program: Command): void {
  const command = program
    .command('console')
    .description('open the console in a browser, signed in with the rights of the API key in use')
    .addOption(new Option('--no-open', 'only print the link'));
  command.action(async () => {
    const session = new Session(command);
    const { body } = await (await session.api()).post<Link>('console-links', {});
    if (session.json) return session.show(body);
    const { terminal } = session;
    terminal.print(line(body.url));
    terminal.note('The link works once, within 5 minutes. It gives the rights of your API key: do not share it.');
    const { open } = command.opts<{ open: boolean }>();
    // A program that reads the output opens the link itself.
    if (open && terminal.io.stdout.isTTY && hasBrowser(terminal.env)) await openBrowser(body.url);
  });
}

function hasBrowser({ DISPLAY, WAYLAND_DISPLAY }: Readonly<Record<string, string | undefined>>): boolean {
  return process.platform !== 'linux' || DISPLAY !== undefined || WAYLAND_DISPLAY !== undefined;
}

const OPENERS: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

/**
 * Opens a link in the browser. Best effort: the link has been printed. Other users of the machine may see it among the processes; the
 * browser has used it up by then.
 */
function openBrowser(url: string): Promise<void> {
  const [program = 'xdg-open', ...args] = OPENERS[process.platform] ?? [];
  return new Promise((resolve) => {
    const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true });
    child.once('error', () => resolve());
    child.once('spawn', () => {
      child.unref();
      resolve();
    });
  });
}

const portalLinks: Collection<Link> = {
  path: 'portal-links',
  noun: 'portal link',
  kind: 'api-key',
  nameOf: ({ id }) => id,
  isOwned: true,
  columns: {},
  fields: [
    {
      name: 'scopes',
      flags: '--scope <scope>',
      description: 'what its user may do, such as clients:read',
      many: 'list',
    },
    { name: 'return_url', flags: '--return-url <url>', description: 'the page of your product that it leads back to' },
    { name: 'name', flags: '--name <text>', description: 'the name of the user' },
    {
      name: 'expires_in',
      flags: '--expires-in <duration>',
      description: 'how long the link can be used, at most 60m; 10m by default',
      parse: seconds,
    },
  ],
};

/** Adds `portal-links`. */
export function addPortalLinks(program: Command): void {
  const group = program
    .command('portal-links')
    .description('one-time links to the console for the users of an organization');
  addCreate(group, portalLinks);
}
