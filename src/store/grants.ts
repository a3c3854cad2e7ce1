/** Scopes granted at one resource server, by the ids of the rows. */
export interface StoredGrant {
  readonly resourceServerId: string;
  readonly scopes: readonly string[];
}

/** Scopes granted at one resource server, as the API shows them. */
export interface DescribedGrant {
  readonly resource_server: string;
  readonly scopes: string[];
}
