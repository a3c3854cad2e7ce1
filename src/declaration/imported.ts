/** Where the secret of an imported client is: in an environment variable, or in a file. A declaration never contains the secret itself. */
export type SecretReference = { readonly env: string } | { readonly file: string };

/** The credentials of a client that moves in from another provider. They matter only when it is created. */
export interface Imported {
  readonly client_id: string;
  readonly client_secret?: SecretReference;
}

/** Returns the credentials that a declared client has from another provider; undefined if it has none. */
export function importedOf(declared: object): Imported | undefined {
  const { client_id, client_secret } = declared as Partial<Imported>;
  return client_id === undefined ? undefined : { client_id, ...(client_secret && { client_secret }) };
}
