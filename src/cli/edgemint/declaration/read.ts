import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { SECTIONS, type Section } from '../../../declaration/fields.ts';
import { COMPLAINTS_SHOWN } from '../../constants.ts';
import { Failure } from '../../failure.ts';
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
 * Reads a declaration in YAML or JSON.
 * @param name the name of the file, for complaints
 * @throws Failure with all complaints, each with its line and column
 */
export function readDeclaration(text: string, name: string): DeclarationFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
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
  const result = Declaration.safeParse(toValue(document, name));
  if (!result.success) throw refuse(result.error.issues.flatMap(complaintsOf));
  const sections = SECTIONS.filter((section) => document.has(section));
  return { declaration: result.data, sections, refuse };
}

/** @throws Failure if an alias has no anchor, or if aliases expand without bound */
function toValue(document: Document, name: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new Failure(`${name}: ${line(error instanceof Error ? error.message : String(error))}`);
  }
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
