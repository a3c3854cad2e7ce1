export { type Middleware, type RequireTokenOptions, requireToken, serveMetadata } from './express/middleware.ts';
