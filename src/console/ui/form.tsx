import { createContext, type ReactNode, useContext, useEffect, useRef } from 'react';
import type { Problem, ProblemField } from '../api/problem.ts';
import { ErrorBox } from './error-box.tsx';

interface FieldError extends ProblemField {
  /** The name of the field that shows it. */
  readonly field: string | undefined;
}

const FormErrors = createContext<readonly FieldError[]>([]);
/** What gets the focus in a field that was refused, the first of these that it has. */
const FOCUSED = ['[aria-invalid="true"]', ':checked', 'input, button, textarea'];

interface FormProps {
  readonly onSubmit: () => unknown;
  readonly problem: Problem | undefined;
  readonly children: ReactNode;
}

/** One column of fields. The sentences of a problem are shown at the fields that they are about, and the rest at the top. */
export function Form({ onSubmit, problem, children }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (!problem) return;
    const error = form.current?.querySelector<HTMLElement>('[role="alert"], .field-error');
    const field = error?.closest('[data-field]');
    const control = FOCUSED.map((selector) => field?.querySelector<HTMLElement>(selector)).find(Boolean);
    (control ?? error)?.focus();
  }, [problem]);
  const isField = (name: string) => form.current?.querySelector(`[data-field="${CSS.escape(name)}"]`) != null;
  const errors = (problem?.errors ?? []).map((error) => ({ ...error, field: prefixes(error.pointer).find(isField) }));
  const rest = errors.filter(({ field }) => field === undefined);
  const isShownAtTop = problem !== undefined && (errors.length === 0 || rest.length > 0);
  return (
    <FormErrors value={errors}>
      <form
        ref={form}
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void onSubmit();
        }}
      >
        {isShownAtTop && <ErrorBox problem={rest.length > 0 ? { ...problem, errors: rest } : problem} />}
        {children}
      </form>
    </FormErrors>
  );
}

/** Returns the names of the fields at which a pointer may be shown: itself and its parents, the closest first. */
function prefixes(pointer = ''): string[] {
  const parts = pointer.split('/').slice(1);
  return parts.map((_, index) => `/${parts.slice(0, parts.length - index).join('/')}`);
}

/** Returns the sentences about a field, without those that a field within it shows. */
export function useFieldErrors(name: string): readonly string[] {
  const errors = useContext(FormErrors).filter(({ field }) => field === name);
  return [...new Set(errors.map(({ detail }) => detail))];
}

/** Returns whether a part of a field was refused. */
export function useIsRefused(pointer: string): boolean {
  return useContext(FormErrors).some((error) => error.pointer === pointer);
}

/** The buttons at the end of a form. */
export function FormActions({ children }: { readonly children: ReactNode }) {
  return <div className="form-actions">{children}</div>;
}
