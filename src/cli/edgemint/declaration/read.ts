import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { SECTIONS, type Section } from '../../../declaration/fields.ts';
import { expandVariables } from '../../../declaration/variables.ts';
import { isJsonObject } from '../../../lib/json.ts';
import { ALIASES_MAX, COMPLAINTS_SHOWN } from '../../constants.ts';
import { Failure } from '../../failure.ts';
import type { Environment } from '../io.ts';
import { line } from '../printable.ts';
import type { Complaint } from './complaint.ts';
import { Declaration } from './schema.ts';

/** A declaration file that was read. */
export interface DeclarationFile {
  readonly declaration: Declaration;
  /** The sections in the file, including empty ones. */
  readonly sections: readonly Section[];
  /** Returns an error with all complaints, each with its line and column. */
  refuse(complaints: readonly Complaint[]): Failure;
}

/**
 * Reads a declaration in YAML or JSON. Merge keys (`<<`) work, and sections whose names begin with `x-` are ignored.
 * @param name the name of the file, for complaints
 * @param env the values of its variables. Without it, a variable is a complaint
 * @throws Failure with all complaints, each with its line and column
 */
export function readDeclaration(text: string, name: string, env?: Environment): DeclarationFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const syntax = document.errors.map(({ pos, message }) => `${at(pos[0])} ${line(message)}`);
  if (syntax.length > 0) throw new Failure(syntax.slice(0, COMPLAINTS_SHOWN).join('\n'));

  const refuse = (complaints: readonly Complaint[]) => {
    const shown = complaints.slice(0, COMPLAINTS_SHOWN);
    const rest = complaints.length - shown.length;
    const sentences = shown.map(
      ({ path, message }) => `${at(offsetOf(document, path))} ${describe(path)}${line(message)}`,
    );
    return new Failure([...sentences, ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n'));
  };
  const faults = substitute(document, env).map(({ offset, message }) => `${at(offset)} ${line(message)}`);
  if (faults.length > 0) throw new Failure(faults.slice(0, COMPLAINTS_SHOWN).join('\n'));
  const result = Declaration.safeParse(withoutExtensions(toValue(document, name)));
  if (!result.success) throw refuse(result.error.issues.flatMap(complaintsOf));
  const sections = SECTIONS.filter((section) => document.has(section));
  return { declaration: result.data, sections, refuse };
}

/** @throws Failure if an alias has no anchor, or if aliases expand without bound */
function toValue(document: Document, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    throw new Failure(`${name}: ${line(error instanceof Error ? error.message : String(error))}`);
  }
}

/** Leaves out the sections for other programs, and for anchors that items refer to. */
function withoutExtensions(value: unknown): unknown {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('x-')));
}

/**
 * Replaces the variables in a document.
 * @param env their values. Without it, none may occur: a forgotten `--substitute` must not name a client `${NAME}`
 */
function substitute(document: Document, env: Environment | undefined): { offset: number; message: string }[] {
  const faults: { offset: number; message: string }[] = [];
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value !== 'string') return;
      const { value, names, missing } = expandVariables(node.value, env ?? {}, node.type === 'PLAIN');
      const offset = node.range?.[0] ?? 0;
      if (env === undefined && names.length > 0) {
        const [first = ''] = names;
        const message = `\${${first}} is a variable: add --substitute to fill it in from the environment, or write $\${${first}} for the text.`;
        faults.push({ offset, message });
      } else if (missing.length > 0) faults.push({ offset, message: `The variable ${missing.join(', ')} is not set.` });
      node.value = value;
    },
  });
  return faults;
}

function complaintsOf(issue: z.core.$ZodIssue): Complaint[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: issue.message }];
  return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'There is no such field.' }));
}

/** Formats a path such as `clients[3].grants[0]: `. */
function describe(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text === '' ? '' : `${line(text.slice(1))}: `;
}

/** Returns the offset of the deepest part of a path that the document contains: that of its key, if it has one. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const key = path[length - 1];
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    const node = pair ? pair.key : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}
