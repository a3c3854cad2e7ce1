export { type RequireTokenOptions, requireToken, serveMetadata, type TokenEnv } from './hono/middleware.ts';
