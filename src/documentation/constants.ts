/** How long the OpenAPI document, and the page that shows it, may be cached. */
export const DOCUMENTATION_MAX_AGE = 600;
