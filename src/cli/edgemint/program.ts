import packageJson from '../../../package.json' with { type: 'json' };
import { addApi } from './commands/api.ts';
import { addApiKeys } from './commands/api-keys.ts';
import { addApply } from './commands/apply.ts';
import { addAudit } from './commands/audit.ts';
import { addBackup } from './commands/backup.ts';
import { addChanges } from './commands/changes.ts';
import { addClients } from './commands/clients.ts';
import { addCompletion } from './commands/completion.ts';
import { addConsole, addPortalLinks } from './commands/console.ts';
import { addDev } from './commands/dev.ts';
import { addExport } from './commands/export.ts';
import { addImport } from './commands/import.ts';
import { addKeys } from './commands/keys.ts';
import { addLeakedSecrets } from './commands/leaked-secrets.ts';
import { addLeastPrivilege } from './commands/least-privilege.ts';
import { addLogs } from './commands/logs.ts';
import { addMasterKeys } from './commands/master-keys.ts';
import { addMe } from './commands/me.ts';
import { addOrganizations } from './commands/organizations.ts';
import { addProfiles } from './commands/profiles.ts';
import { addResourceServers } from './commands/resource-servers.ts';
import { addRoles } from './commands/roles.ts';
import { addSecrets } from './commands/secrets.ts';
import { addStatus } from './commands/status.ts';
import { addTokens } from './commands/tokens.ts';
import { addUsage } from './commands/usage.ts';
import { addWebhooks } from './commands/webhooks.ts';
import { addHelp, helpWidth } from './help.ts';
import type { RunCommand } from './io.ts';
import { Program } from './session.ts';
import { hasColours } from './style.ts';
import type { Terminal } from './terminal.ts';

/**
 * Creates the whole command line. Parsing throws commander's `CommanderError` instead of ending the process.
 * @param run runs a further command, for commands that consist of others
 */
export function createProgram(terminal: Terminal, run: RunCommand): Program {
  const { stdout, stderr, env } = terminal.io;
  const program = new Program(terminal)
    .description('Manages an Edgemint, an OAuth 2.0 authorization server for machines.')
    .version(packageJson.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHasColors: () => hasColours(stdout, env),
      getErrHasColors: () => hasColours(stderr, env),
      getOutHelpWidth: () => helpWidth(stdout),
      getErrHelpWidth: () => helpWidth(stderr),
    });
  addProfiles(program);
  addMe(program);
  addStatus(program);
  addOrganizations(program);
  addApiKeys(program);
  addResourceServers(program);
  addRoles(program);
  addClients(program);
  addLeastPrivilege(program);
  addUsage(program);
  addSecrets(program);
  addTokens(program);
  addKeys(program);
  addMasterKeys(program);
  addAudit(program);
  addWebhooks(program);
  addChanges(program);
  addConsole(program);
  addPortalLinks(program);
  addLeakedSecrets(program);
  addApply(program);
  addExport(program);
  addLogs(program);
  addApi(program);
  addCompletion(program);
  addBackup(program);
  addImport(program);
  addDev(program, run);
  addHelp(program);
  return program;
}
