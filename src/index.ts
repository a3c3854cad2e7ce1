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

/** The app of an environment, made once: an isolate's memory lives in it. */
function appFor(env: Env): App {
  const made = apps.get(env) ?? createApp(createServices(env));
  apps.set(env, made);
  return made;
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
      // By the clock, not by when it was due: it may come late.
      await scheduled(createServices(env), Date.now());
    } catch (error) {
      logFailure(error);
    }
  },
} satisfies ExportedHandler<Env>;
