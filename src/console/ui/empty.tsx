import type { ReactNode } from 'react';

interface EmptyProps {
  readonly title: string;
  /** Says what to do first. */
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}

/** Stands in the place of a list without rows. */
export function Empty({ title, children, action }: EmptyProps) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children !== undefined && <div className="empty-text">{children}</div>}
      {action !== undefined && <div className="empty-action">{action}</div>}
    </div>
  );
}
