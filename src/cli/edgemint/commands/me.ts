import type { Command } from 'commander';
import { expiryWarning } from '../expiry.ts';
import type { Me } from '../representations.ts';
import { Session } from '../session.ts';

/** Adds `me`. */
export function addMe(program: Command): void {
  const command = program.command('me').description('show the API key in use, its server and what it may do');
  command.action(async () => {
    const session = new Session(command);
    const { body } = await (await session.api()).get<Me>('me');
    if (session.json) return session.show(body);
    const { organization, ...rest } = body;
    const shown = organization === null ? null : `${organization.name} (${organization.id})`;
    session.show({ ...rest, organization: shown });
    const warning = expiryWarning(body, Date.now());
    if (warning !== undefined) session.terminal.note(warning);
  });
}
