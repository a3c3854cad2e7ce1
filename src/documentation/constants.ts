/** How long the OpenAPI document and the page that shows it may be cached, in seconds. They change only with a deployment. */
export const DOCUMENTATION_MAX_AGE = 600;
