/** Something that is wrong with a file. */
export interface Complaint {
  /** Keys and indexes that lead to it, from the top of the file. */
  readonly path: readonly PropertyKey[];
  readonly message: string;
}
