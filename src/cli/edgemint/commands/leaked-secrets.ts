import type { Command } from 'commander';
import { Session } from '../session.ts';

export function addLeakedSecrets(program: Command): void {
  const group = program.command('leaked-secrets').description('secrets that were found where they should not be');
  const report = group
    .command('report')
    .description('disable a secret that leaked, with itself as the proof: from stdin, or asked for');
  report.action(async () => {
    const session = new Session(report);
    const api = await session.api(false);
    session.show(
      (await api.post('leaked-secrets', { secret: await session.terminal.readSecret('The leaked secret') })).body,
    );
  });
}
