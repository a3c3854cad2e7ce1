import { SUBJECTS_SHOWN } from '../../constants.ts';
import { line } from '../printable.ts';

/** What became of a part of an export. */
export type Outcome = 'taken' | 'changed' | 'left_out' | 'by_hand';

export interface Note {
  readonly outcome: Outcome;
  /** The part of the export, such as `client Order sync`. */
  readonly subject: string;
  readonly text: string;
}

/** What an import took, changed and left. */
export interface Report {
  readonly provider: string;
  readonly counts: { readonly resource_servers: number; readonly clients: number };
  readonly notes: readonly Note[];
  /** The issuers that verifiers trust today, if the export names them. */
  readonly issuers: readonly string[];
  /** How the new tokens differ from those of the provider. */
  readonly differences: readonly string[];
}

const TITLES: Readonly<Record<Outcome, string>> = {
  taken: 'Taken',
  changed: 'Changed',
  left_out: 'Left out',
  by_hand: 'To do by hand',
};

/** Formats a report for people. Parts with the same text share a line. */
export function showReport({ provider, counts, notes, issuers, differences }: Report): string {
  const { resource_servers, clients } = counts;
  const sections = (Object.keys(TITLES) as Outcome[]).flatMap((outcome) => {
    const lines = grouped(notes.filter((note) => note.outcome === outcome));
    return lines.length === 0 ? [] : [[`${TITLES[outcome]}:`, ...lines].join('\n')];
  });
  return [
    `From ${provider}: ${counted(resource_servers, 'resource server')} and ${counted(clients, 'client')}.`,
    ...sections,
    ['How the tokens differ:', ...differences.map((text) => `  - ${text}`)].join('\n'),
    ...(issuers.length > 0 ? [line(`Verifiers trust this issuer today: ${issuers.join(', ')}`)] : []),
  ].join('\n\n');
}

function grouped(notes: readonly Note[]): string[] {
  const subjects = new Map<string, string[]>();
  for (const { subject, text } of notes) subjects.set(text, [...(subjects.get(text) ?? []), subject]);
  return [...subjects].map(([text, names]) => {
    const shown = names.slice(0, SUBJECTS_SHOWN).join(', ');
    const rest = names.length - SUBJECTS_SHOWN;
    // Names in an export can be those of strangers.
    return line(`  - ${shown}${rest > 0 ? ` and ${rest} more` : ''}: ${text}`);
  });
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
