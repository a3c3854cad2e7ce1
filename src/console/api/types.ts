import type { components, paths } from './schema.d.ts';

// The types of the API by path, as `schema.d.ts` has them.

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
export type { paths };
/** The paths that have a method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends { readonly [Name in M]: object } ? P : never;
}[keyof paths];
export type GetPath = PathOf<'get'>;

/** A schema of the OpenAPI document by its name, such as `Schema<'Client'>`. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

type Operation<P extends keyof paths, M extends Method> = M extends keyof paths[P] ? paths[P][M] : never;
type Json<R> = R extends { readonly content: { readonly 'application/json': infer Body } } ? Body : never;
type Success<O> = O extends { readonly responses: infer R }
  ? { [Status in keyof R]: Status extends 200 | 201 | 202 ? Json<R[Status]> : never }[keyof R]
  : never;

/** What the API answers to a GET. */
export type Data<P extends GetPath> =
  Operation<P, 'get'> extends { readonly responses: { readonly 200: infer R } } ? Json<R> : never;

/** What the API answers to any method. */
export type Answer<P extends keyof paths, M extends Method> = Success<Operation<P, M>>;

/** The body that a method takes. */
export type Body<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { readonly requestBody?: infer R } ? Json<NonNullable<R>> : never;

/** The parameters of a path and query. Values of a query that are undefined or empty are left out. */
export interface Params {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
}

/** An item of a list. */
export type Row<P extends GetPath> = Data<P> extends { readonly data: readonly (infer R)[] } ? R : never;
