import type { Command } from 'commander';
import { RequestError } from '../request-error.ts';
import { Session } from '../session.ts';

export function addLeakedSecrets(program: Command): void {
  const group = program.command('leaked-secrets').description('client secrets that leaked');
  const report = group
    .command('report')
    .description('disable a leaked secret, which is read from stdin or asked for; no API key is needed');
  report.action(async () => {
    const session = new Session(report);
    const api = await session.api(false);
    const secret = await session.terminal.readSecret('The leaked secret');
    session.show((await api.post('leaked-secrets', { secret }).catch(explain)).body);
  });
}

function explain(error: unknown): never {
  if (!(error instanceof RequestError && error.status === 404)) throw error;
  const detail = 'No secret or API key of this server has this value.';
  throw new RequestError(error.status, { ...error.problem, detail });
}
