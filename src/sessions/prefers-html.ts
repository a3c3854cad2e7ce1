/**
 * Whether a caller would rather have a page than JSON, by its `Accept`
 * ([RFC 9110 section 12.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1)). Programs that accept anything get JSON.
 */
export function prefersHtml(accept: string | null): boolean {
  const qualities = new Map<string, number>();
  for (const range of accept?.split(',') ?? []) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    qualities.set(type, q === undefined ? 1 : Number(q.slice(2)) || 0);
  }
  const html = qualities.get('text/html') ?? 0;
  return html > 0 && html >= (qualities.get('application/json') ?? 0);
}
