import createClient from 'openapi-fetch';
import { ISSUER_URL } from './address.ts';
import { onSignedOut } from './expiry.ts';
import type { paths } from './schema.d.ts';

/** Calls the API with the session cookie. It never has a key. */
export const api = createClient<paths>({ baseUrl: ISSUER_URL, credentials: 'same-origin' });

api.use({
  onResponse({ response, request }) {
    if (response.status === 401 && !request.headers.has('Authorization')) onSignedOut();
  },
});
