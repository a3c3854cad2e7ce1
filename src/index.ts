import { createApp } from './app.ts';
import { answerAndLog } from './http/request-log.ts';
import { errorResponse } from './oauth/response/error-response.ts';
import type { Env } from './platform/env.ts';
import { logFailure } from './platform/failures.ts';
import { scheduled } from './scheduled.ts';
import { createServices } from './services.ts';

export { ClientGate } from './client-gate/client-gate.ts';

type App = ReturnType<typeof createApp>;

const apps = new WeakMap<Env, App>();

/** Returns the app of an environment. It is made once, because it holds the isolate's caches. */
function appFor(env: Env): App {
  const app = apps.get(env) ?? createApp(createServices(env));
  apps.set(env, app);
  return app;
}

export default {
  fetch: (request, env, ctx) =>
    answerAndLog(request, async () => {
      try {
        return await appFor(env).fetch(request, env, ctx);
      } catch (error) {
        return errorResponse(error);
      }
    }),
  async scheduled(_, env) {
    try {
      // The current time, not the scheduled time: the handler may run late.
      await scheduled(createServices(env), Date.now());
    } catch (error) {
      logFailure(error);
    }
  },
} satisfies ExportedHandler<Env>;
