import { parseArgs } from 'node:util';

/** The subjects, in the order of the tables. */
export const SUBJECTS = [
  'secret',
  'unlimited',
  'assertion',
  'proof',
  'both',
  'introspection',
  'jwks',
  'full-floor',
  'floor',
  'oidc-provider',
] as const;

/** What is measured besides the subjects. */
export const PARTS = ['price', 'memory', 'growth'] as const;

export type SubjectName = (typeof SUBJECTS)[number];
export type PartName = (typeof PARTS)[number];

export interface Options {
  readonly isQuick: boolean;
  readonly subjects: readonly SubjectName[];
  readonly parts: readonly PartName[];
  /** The directory of another checkout, whose Worker takes turns with this one's. */
  readonly against: string | undefined;
  /** Whether this is the run that writes the published page. */
  readonly isWhole: boolean;
}

/** Reads the command line. @throws Error that says what is wrong and what would be right */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string' }, against: { type: 'string' } },
  });
  const all: readonly string[] = [...SUBJECTS, ...PARTS];
  const names = values.only?.split(',') ?? all;
  for (const name of names) {
    if (!all.includes(name)) throw new Error(`--only: unknown name "${name}". Available: ${all.join(', ')}.`);
  }
  return {
    isQuick: values.quick,
    subjects: SUBJECTS.filter((name) => names.includes(name)),
    parts: PARTS.filter((name) => names.includes(name)),
    against: values.against,
    isWhole: !values.quick && values.only === undefined && values.against === undefined,
  };
}
