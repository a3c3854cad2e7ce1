type Fields = Readonly<Record<string, unknown>>;

/**
 * Returns the JSON merge patch that turns some fields into others: those that differ. In objects, members that are gone become null.
 * Fields that only `before` has are left alone.
 */
export function mergePatchOf<T extends Fields>(before: Fields, after: T): Partial<T> {
  const changed = Object.entries(after).flatMap(([name, value]) => {
    const previous = before[name];
    if (isEqual(value, previous)) return [];
    return [[name, isObject(previous) && isObject(value) ? objectPatch(previous, value) : value]];
  });
  return Object.fromEntries(changed) as Partial<T>;
}

function objectPatch(before: Fields, after: Fields): Fields {
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  return { ...Object.fromEntries(gone.map((name) => [name, null])), ...mergePatchOf(before, after) };
}

function isEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => isEqual(item, other[index]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && isEqual(one[name], other[name]))
  );
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
