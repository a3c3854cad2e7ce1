import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Administrator } from '../../credentials/api-key.ts';
import type { Services } from '../../services.ts';

/** What every management handler finds in its context. */
export interface ManagementEnv {
  Variables: {
    services: Services;
    administrator: Administrator;
    /** Of a request that carries an `Idempotency-Key`. */
    idempotency: IdempotentRequest | undefined;
  };
}

export interface IdempotentRequest {
  readonly key: string;
  /** Of all that makes the request what it is, but its credentials: under each accepted master key, the current one first. */
  readonly fingerprints: readonly [string, ...string[]];
}

export type ManagementContext = Context<ManagementEnv>;
export type ManagementApp = OpenAPIHono<ManagementEnv>;
