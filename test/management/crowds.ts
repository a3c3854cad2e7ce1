import { env } from 'cloudflare:workers';
import { create, createClient } from '../http.ts';
import { type Fault, withFault } from '../instruments.ts';

/** Creates an organization with so many clients. @param changed by column, an SQL expression of the client's number `n`, from 0 */
export async function crowd(count: number, changed: Readonly<Record<string, string>>): Promise<string> {
  const { id = '' } = await create('organizations', { name: `crowd ${crypto.randomUUID()}` });
  const { client_id } = await createClient({ organization_id: id, client_name: 'template' });
  const columns = await env.DB.prepare("SELECT name FROM pragma_table_info('clients')").all<{ name: string }>();
  const values: Readonly<Record<string, string>> = {
    client_id: `'${id}-' || printf('%06d', n)`,
    client_name: "printf('Client %06d', n)",
    folded_name: "printf('client %06d', n)",
    ...changed,
  };
  const row = columns.results.map(({ name }) => values[name] ?? `clients.${name}`);
  await env.DB.batch([
    env.DB.prepare(
      `WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1 - 1)
       INSERT INTO clients SELECT ${row} FROM clients, numbers WHERE clients.client_id = ?2`,
    ).bind(count, client_id),
    env.DB.prepare('DELETE FROM client_secrets WHERE client_id = ?').bind(client_id),
    env.DB.prepare('DELETE FROM clients WHERE client_id = ?').bind(client_id),
  ]);
  return id;
}

/** Counts the rows that D1 reads. A query whose answer does not tell is asked a second time. */
export async function rowsReadDuring<T>(during: () => Promise<T>): Promise<{ rows: number; result: T }> {
  let rows = 0;
  const count: Fault = async (call, sql, bound) => {
    const answer = await call();
    const isRaw =
      Array.isArray(answer) && (answer.length === 0 || Array.isArray(answer[0])) && /^(select|with)\b/i.test(sql);
    const told = isRaw
      ? await env.DB.prepare(sql)
          .bind(...bound)
          .all()
      : answer;
    for (const { meta } of [told].flat() as { meta?: { rows_read?: number } }[]) rows += meta?.rows_read ?? 0;
    return answer;
  };
  return { result: await withFault('d1', count, during), rows };
}
