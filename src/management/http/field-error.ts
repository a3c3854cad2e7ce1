/** One error of a request, with the field or parameter that it is about. */
export type FieldError = {
  /** What a correct value would be. */
  readonly detail: string;
} & (
  | {
      /** The JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) of the body's field. */
      readonly pointer: string;
    }
  | {
      /** The name of the URL parameter or header. */
      readonly parameter: string;
    }
);

/** Returns the JSON pointer of a path of keys and indexes. */
export function pointer(...path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
