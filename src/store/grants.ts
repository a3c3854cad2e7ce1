/** The scopes granted at one resource server, which is named by its id. */
export interface StoredGrant {
  readonly resourceServerId: string;
  readonly scopes: readonly string[];
}

/** The scopes granted at one resource server, as the API shows them: it is named by its identifier. */
export interface DescribedGrant {
  readonly resource_server: string;
  readonly scopes: string[];
}
