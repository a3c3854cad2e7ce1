import { type ReactNode, useEffect } from 'react';
import { Link } from 'wouter';
import { SafeText, visible } from './safe-text.tsx';

export interface Breadcrumb {
  readonly label: string;
  readonly href: string;
}

interface PageProps {
  readonly title: string;
  readonly subtitle?: ReactNode;
  readonly breadcrumbs?: readonly Breadcrumb[];
  readonly actions?: ReactNode;
  readonly children?: ReactNode;
}

/** A page with its title and actions. */
export function Page({ title, subtitle, breadcrumbs = [], actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${visible(title)} · Edgemint`;
  }, [title]);
  return (
    <div className="page">
      {breadcrumbs.length > 0 && (
        <nav aria-label="Breadcrumbs" className="breadcrumbs">
          <ol>
            {breadcrumbs.map(({ label, href }) => (
              <li key={href}>
                <Link href={href}>
                  <SafeText text={label} />
                </Link>
              </li>
            ))}
          </ol>
        </nav>
      )}
      <header className="page-header">
        <div className="page-heading">
          <h1 tabIndex={-1}>
            <SafeText text={title} />
          </h1>
          {subtitle !== undefined && <div className="page-subtitle">{subtitle}</div>}
        </div>
        {actions !== undefined && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
