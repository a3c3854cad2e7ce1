import edgemint, { ClientGate as RealClientGate } from '../src/index.ts';
import type { Env } from '../src/platform/env.ts';
import { instrument, watchStorage } from './instruments.ts';

// The real Worker and its gate with wrapped bindings, so that tests can count the calls and make stores fail.

export class ClientGate extends RealClientGate {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, instrument(env));
    watchStorage(ctx);
  }
}

export default {
  fetch: (request, env, ctx) => edgemint.fetch(request, instrument(env), ctx),
  scheduled: (controller, env) => edgemint.scheduled(controller, instrument(env)),
} satisfies ExportedHandler<Env>;
