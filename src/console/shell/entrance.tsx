import type { ReactNode } from 'react';
import { ISSUER_URL } from '../api/address.ts';
import { Mark } from './mark.tsx';

/** A page without navigation, for people who are not signed in. */
export function Entrance({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <main className="entrance">
      <div className="entrance-card">
        <Mark />
        <h1>{title}</h1>
        <p className="faint entrance-issuer">{ISSUER_URL}</p>
        {children}
      </div>
    </main>
  );
}
