/** The longest line of a page, in characters. */
const LINE_MAX = 120;

/** Breaks the lines of a Markdown text anew, except those of tables and headings. A list item is one paragraph of its own. */
export function wrapped(markdown: string): string {
  const paragraphs: string[] = [];
  for (const line of markdown.split('\n')) {
    const last = paragraphs.at(-1) ?? '';
    const continues = last !== '' && line !== '' && !/^([#|-])/.test(line) && !/^[#|]/.test(last);
    if (continues) paragraphs[paragraphs.length - 1] = `${last} ${line.trim()}`;
    else paragraphs.push(line);
  }
  return paragraphs.map((paragraph) => (/^[#|]/.test(paragraph) ? paragraph : broken(paragraph))).join('\n');
}

function broken(paragraph: string): string {
  const indent = paragraph.startsWith('- ') ? '  ' : '';
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= LINE_MAX) {
      line = longer;
    } else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line].join('\n');
}
