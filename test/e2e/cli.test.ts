// One file for all suites, so that they share one server. Each suite is a separate module.
import './cli/apply.ts';
import './cli/authentication.ts';
import './cli/commands.ts';
import './cli/danger.ts';
import './cli/names.ts';
import './cli/process.ts';
import './cli/profiles.ts';
import './cli/retries.ts';
import './cli/schema.ts';
import './cli/tokens-and-keys.ts';
import './cli/tools.ts';
import './cli/webhooks.ts';
