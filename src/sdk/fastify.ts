export { type Hook, type RequireTokenOptions, requireToken, serveMetadata } from './fastify/hooks.ts';
