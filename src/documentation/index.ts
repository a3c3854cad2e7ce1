import type { ManagementServices } from '../management/services.ts';
import { cacheableJson } from '../oauth/response/cacheable-json.ts';
import { DOCUMENTATION_MAX_AGE } from './constants.ts';
import { openApiDocument } from './document.ts';

export { page, pageFile } from './page.ts';

const documents = new WeakMap<ManagementServices, string>();

/** Answers with the OpenAPI document, which is generated once per isolate. */
export async function openApi(services: ManagementServices, request: Request): Promise<Response> {
  const document = documents.get(services) ?? JSON.stringify(await openApiDocument(services));
  documents.set(services, document);
  return cacheableJson(request, document, DOCUMENTATION_MAX_AGE);
}
