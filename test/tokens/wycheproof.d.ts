declare module 'virtual:wycheproof' {
  import type { JWK } from 'jose';

  export interface Vector {
    readonly tcId: number;
    readonly comment: string;
    readonly flags: readonly string[];
    readonly result: 'valid' | 'invalid' | 'acceptable';
    /** In a file of JWS or JWK vectors. */
    readonly jws: unknown;
    /** In a file of signature vectors, in hexadecimal. */
    readonly msg: string;
    readonly sig: string;
  }

  type Keys = JWK & { readonly keys?: readonly JWK[] };

  export interface Group {
    readonly comment: string;
    readonly tests: readonly Vector[];
    /** In a file of JWS or JWK vectors: a key, or a set of them. */
    readonly public?: Keys;
    readonly private?: Keys;
    /** In a file of signature vectors. */
    readonly publicKeyJwk?: JWK;
    readonly keyJwk?: JWK;
    /** The two coordinates of a point, in hexadecimal, if there is no JWK. */
    readonly publicKey: { readonly wx: string; readonly wy: string };
  }

  /** By file name; empty if the vectors are absent. */
  const files: Readonly<Record<string, { readonly testGroups: readonly Group[] }>>;
  export default files;
}
