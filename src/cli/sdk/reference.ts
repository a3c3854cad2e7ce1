import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** An export of an entry point, as its declaration file documents it. */
export interface DocumentedExport {
  readonly name: string;
  /** The declaration without its comments. */
  readonly declaration: string;
  /** The docstring up to its first tag, as Markdown. */
  readonly text: string;
  /** The content of the tags, in their order. */
  readonly tags: readonly { readonly name: string; readonly text: string }[];
}

const WIDTH = 120;

/** Returns the exports of an entry point, in the order in which it lists them. @param types the folder of the declarations */
export function documentedExports(types: string, entry: string): DocumentedExport[] {
  const file = join(types, `${entry}.d.ts`);
  const statements = readFileSync(file, 'utf8').matchAll(/^export (?:type )?\{([^}]*)\} from ['"](.+)['"];/gm);
  return [...statements].flatMap(([, names = '', from = '']) => {
    const text = readFileSync(join(dirname(file), from.replace(/\.js$/, '.d.ts')), 'utf8');
    const listed = names.split(',').map((name) => name.trim().replace(/^type /, ''));
    // A list of several lines ends with a comma.
    return listed.filter((name) => name !== '').map((name) => find(text, name));
  });
}

function find(text: string, name: string): DocumentedExport {
  const head = (kinds: string) => String.raw`export (?:declare )?(?:abstract )?(?:${kinds}) ${name}\b[\s\S]*?`;
  // Overloads stand one after the other, and a declaration ends where the next comment or export begins in the first column.
  // The comments of a union's members begin there too: only the last member has a semicolon after it.
  const declarations = String.raw`${head('function|type|const')}(?<=;)|${head('class|interface')}(?<=\})`;
  const end = String.raw`(?=\n(?:/\*\*|export |import |declare |type |interface )|\s*$(?![\s\S]))`;
  const found = new RegExp(String.raw`(?:/\*\*((?:(?!\*/)[\s\S])*)\*/\n)?(${declarations})${end}`).exec(text);
  if (!found) throw new Error(`There is no declaration of ${name}.`);
  const [, comment = '', declaration = ''] = found;
  const [description = '', ...tags] = comment
    .replace(/^[ \t]*\* ?/gm, '')
    .trim()
    .split(/(?:^|\s)@(?=(?:param|returns|throws|example)\b)/m);
  return {
    name,
    declaration: withoutComments(declaration),
    text: description.trim(),
    tags: tags.map((tag) => {
      const [, tagName = '', tagText = ''] = /^(\w+)\s*([\s\S]*)$/.exec(tag.trim()) ?? [];
      return { name: tagName, text: tagText.trim() };
    }),
  };
}

// Comments of members stay: they say what an option does.
function withoutComments(declaration: string): string {
  return indentUnion(declaration)
    .replace(/^export (declare )?/, '')
    .replace(/^ +(#private;|private .*;)\n/gm, '')
    .trimEnd();
}

/** Indents the members of a union that have comments: the compiler writes them from the first column on. */
function indentUnion(declaration: string): string {
  const [head = '', ...members] = declaration.split(/ = \n/);
  if (members.length === 0) return declaration;
  const lines = members.join(' = \n').replace(/^ \| /gm, '| ').replace(/^\{/m, '| {');
  return `${head} =\n${lines.replace(/^(?=.)/gm, '    ')}`;
}

/** Returns the reference page. @param types the folder of the declarations */
export function reference(types: string, entries: readonly string[]): string {
  const sections = entries.map((entry) => {
    const exports = documentedExports(types, entry).map(describe);
    return [`## \`edgemint-sdk/${entry}\``, ...exports].join('\n\n');
  });
  const introduction = `# Reference of edgemint-sdk

For engineers who use the package: every export of every entry point. \`npm run build:sdk\` writes this page from the
docstrings of the source.`;
  return `${[introduction, ...sections].join('\n\n')}\n`;
}

function describe({ name, declaration, text, tags }: DocumentedExport): string {
  const examples = tags.filter((tag) => tag.name === 'example').map((tag) => code(tag.text));
  const points = tags.flatMap((tag) => point(tag.name, tag.text)).map((item) => wrap(item, '  '));
  const parts = [
    `### ${name}`,
    ...text.split(/\n\s*\n/).map((part) => wrap(part)),
    ...examples,
    points.join('\n'),
    code(declaration),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function point(tag: string, text: string): string[] {
  if (tag === 'param') return [`- ${text.replace(/^(\S+)/, '`$1`:')}`];
  if (tag === 'returns') return [`- Returns ${text}`];
  if (tag === 'throws') return [`- Throws ${text}`];
  return [];
}

function code(text: string): string {
  return `\`\`\`ts\n${text}\n\`\`\``;
}

/** Breaks a paragraph into lines of at most `WIDTH` characters; lists keep their lines. */
function wrap(paragraph: string, indent = ''): string {
  if (/^- /m.test(paragraph) && indent === '') return paragraph;
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(/\s+/)) {
    if (line.trim() !== '' && `${line} ${word}`.length > WIDTH) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
