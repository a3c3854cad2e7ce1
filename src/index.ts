import { createApp } from './app.ts';
import { ConfigurationError, type Env } from './env.ts';
import { OAuthError } from './oauth/errors.ts';
import { createServices } from './services.ts';

export { ClientGate } from './gate/client-gate.ts';

type App = ReturnType<typeof createApp>;

const apps = new WeakMap<Env, App>();

/** The app of an environment, made once: an isolate's memory lives in it. */
function appFor(env: Env): App {
  const made = apps.get(env) ?? createApp(createServices(env));
  apps.set(env, made);
  return made;
}

export default {
  fetch(request, env, ctx) {
    try {
      return appFor(env).fetch(request, env, ctx);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      console.error({ event: 'misconfigured', reason: error.message });
      return new OAuthError('server_error', { description: 'The service is not configured.' }).toResponse();
    }
  },
} satisfies ExportedHandler<Env>;
