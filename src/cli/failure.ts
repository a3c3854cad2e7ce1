/** An error that the user can fix. Only its message is shown, so it must be a sentence for them. */
export class Failure extends Error {
  override readonly name = 'Failure';
}
