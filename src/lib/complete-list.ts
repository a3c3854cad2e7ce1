/**
 * Returns a list of all members of a union of strings. It does not compile if a member is missing, or if a text is not a member. Call it
 * as `completeList<Union>()(['a', 'b'])`: TypeScript cannot infer the list in the same call in which the union is stated.
 */
export function completeList<Union extends string>() {
  return <const List extends readonly Union[]>(
    list: [Union] extends [List[number]] ? List : readonly ['missing', Exclude<Union, List[number]>],
  ): List => list as List;
}
