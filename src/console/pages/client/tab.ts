import type { Client } from '../clients/words.ts';

/** What is open above the page. `field` is the one that the edit form begins with. */
export type OpenDialog =
  | { readonly kind: 'status' | 'revoke' | 'delete' }
  | { readonly kind: 'edit'; readonly field?: string };

/** What a part of the page needs. */
export interface TabProps {
  readonly client: Client;
  /** The version of `client`. */
  readonly etag: string | undefined;
  readonly open: (dialog: OpenDialog) => void;
}

/** Whether a client authenticates with a secret. */
export function usesSecret({ token_endpoint_auth_method, additional_auth_methods }: Client): boolean {
  return [token_endpoint_auth_method, ...additional_auth_methods].some((method) => method.startsWith('client_secret_'));
}
