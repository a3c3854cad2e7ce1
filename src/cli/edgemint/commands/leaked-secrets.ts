import type { Command } from 'commander';
import { Session } from '../session.ts';

export function addLeakedSecrets(program: Command): void {
  const group = program.command('leaked-secrets').description('client secrets that leaked');
  const report = group
    .command('report')
    .description('disable a leaked secret, which is read from stdin or asked for; no API key is needed');
  report.action(async () => {
    const session = new Session(report);
    const api = await session.api(false);
    session.show(
      (await api.post('leaked-secrets', { secret: await session.terminal.readSecret('The leaked secret') })).body,
    );
  });
}
