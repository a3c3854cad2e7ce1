import { createApp } from './app.ts';
import type { Env } from './env.ts';
import { logFailure } from './failure-log.ts';
import { errorResponse } from './oauth/error-response.ts';
import { logged } from './request-log.ts';
import { scheduled } from './scheduled.ts';
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
  fetch: (request, env, ctx) =>
    logged(request, async () => {
      try {
        return await appFor(env).fetch(request, env, ctx);
      } catch (error) {
        return errorResponse(error);
      }
    }),
  async scheduled(_, env) {
    try {
      // By the clock, not by when it was due: it may come late.
      await scheduled(createServices(env), Date.now());
    } catch (error) {
      logFailure(error);
    }
  },
} satisfies ExportedHandler<Env>;
