import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Administrator } from '../../credentials/administrator.ts';
import type { ManagementServices } from '../services.ts';

/** The variables that the middleware sets for every management handler. */
export interface ManagementEnv {
  Variables: {
    services: ManagementServices;
    administrator: Administrator;
    /** Set if the request carries an `Idempotency-Key`. */
    idempotency: IdempotentRequest | undefined;
  };
}

export interface IdempotentRequest {
  readonly key: string;
  /** HMACs of the request without its credentials, one for each accepted master key, the current key first. */
  readonly fingerprints: readonly [string, ...string[]];
}

export type ManagementContext = Context<ManagementEnv>;
export type ManagementApp = OpenAPIHono<ManagementEnv>;
