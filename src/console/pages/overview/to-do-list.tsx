import { Link } from 'wouter';
import { type Problem, sentence } from '../../api/problem.ts';
import { Button } from '../../ui/button.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import type { ToDo } from './to-do.ts';
import './overview.css';

export interface ToDoListProps {
  readonly items: readonly ToDo[];
  readonly isLoading: boolean;
  /** What could not be asked for. */
  readonly problems: readonly Problem[];
  /** What was looked at, if that is not everything. */
  readonly note?: string | undefined;
  /** Looks at more, if not everything was looked at. */
  readonly more?: (() => void) | undefined;
}

const RANKS = { bad: 0, warning: 1, neutral: 2 } as const;

/** What an administrator should look at. Each line leads to the place where it is solved. */
export function ToDoList({ items, isLoading, problems, note, more }: ToDoListProps) {
  const sorted = items.toSorted((one, other) => RANKS[one.tone] - RANKS[other.tone]);
  return (
    <Section title="To do" description={note}>
      {sorted.length > 0 && (
        <ul className="overview-to-do">
          {sorted.map(({ key, text, why, href, tone }) => (
            <li key={key}>
              <Link href={href} className={`overview-item overview-item-${tone}`}>
                <span className="overview-item-text">
                  <SafeText text={text} />
                </span>
                <span className="faint small">{why}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
      {isLoading && <Skeleton lines={3} />}
      {!isLoading && sorted.length === 0 && problems.length === 0 && (
        <p className="faint">Nothing {more ? 'so far' : 'needs your attention'}.</p>
      )}
      {more && !isLoading && <Button onClick={more}>Look at more</Button>}
      {problems.map((problem) => (
        <p key={sentence(problem)} className="faint">
          Not everything could be looked at: {sentence(problem)}
        </p>
      ))}
    </Section>
  );
}
