/** A problem in a declaration file. */
export interface Complaint {
  /** The keys and indexes that lead from the top of the file to the problem. */
  readonly path: readonly PropertyKey[];
  readonly message: string;
}
