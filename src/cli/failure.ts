/** Something that the person at the terminal can mend. The message is a sentence for them; nothing else is shown of it. */
export class Failure extends Error {
  override readonly name = 'Failure';
}
