/** Returns the names of the tables in a gate's SQLite storage. Each look costs a row read for every table and index. */
export function tableNames(sql: SqlStorage): ReadonlySet<string> {
  const rows = sql.exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'");
  return new Set([...rows].map(({ name }) => name));
}
