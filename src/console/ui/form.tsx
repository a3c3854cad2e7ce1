import { createContext, type ReactNode, useContext, useEffect, useRef } from 'react';
import { fieldErrors, type Problem } from '../api/problem.ts';
import { ErrorBox } from './error-box.tsx';

const FormProblem = createContext<Problem | undefined>(undefined);

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
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"], [role="alert"]')?.focus();
  }, [problem]);
  const shownAtFields = (name: string) => form.current?.querySelector(`[data-field="${CSS.escape(name)}"]`) != null;
  const rest =
    problem?.errors?.filter(({ pointer }) => pointer === undefined || !prefixes(pointer).some(shownAtFields)) ?? [];
  const isShownAtTop = problem !== undefined && (!problem.errors?.length || rest.length > 0);
  return (
    <FormProblem.Provider value={problem}>
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
    </FormProblem.Provider>
  );
}

/** Returns what a pointer may be shown at: itself and its parents. */
function prefixes(pointer: string): string[] {
  const parts = pointer.split('/').slice(1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}

/** Returns the sentences about a field. */
export function useFieldErrors(name: string): readonly string[] {
  return fieldErrors(useContext(FormProblem), name);
}

/** The buttons at the end of a form. */
export function FormActions({ children }: { readonly children: ReactNode }) {
  return <div className="form-actions">{children}</div>;
}
