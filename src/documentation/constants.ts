/** How long the OpenAPI document and the page that shows it may be cached, in seconds. They change only with a deployment. */
export const DOCUMENTATION_MAX_AGE = 600;

/** The files of the page at `/docs` that are assets, by their names in Swagger UI's package. */
export const ASSETS = [
  'swagger-ui.css',
  'swagger-ui-bundle.js',
  'favicon-32x32.png',
  // The licence requires these to be distributed with it.
  'swagger-ui-bundle.js.LICENSE.txt',
  'LICENSE',
  'NOTICE',
] as const;
