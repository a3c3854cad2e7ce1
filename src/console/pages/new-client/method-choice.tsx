import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { SelectField } from '../../ui/fields/select-field.tsx';
import { allowedMethods, type Choice, type Method, notesOn, recommend } from './choose-method.ts';
import { bindingsOf, choiceOf, type Draft } from './draft.ts';
import { BINDING_NAMES, METHOD_NAMES } from './labels.ts';

interface MethodChoiceProps {
  readonly draft: Draft;
  readonly isStrict: boolean;
  readonly onOverride: (choice: Choice | null) => void;
}

/** Shows the recommended method with its reason, and takes another one instead. */
export function MethodChoice({ draft, isStrict, onOverride }: MethodChoiceProps) {
  const recommended = recommend(draft.answers, isStrict);
  const choice = choiceOf(draft, isStrict);
  const notes = draft.override ? notesOn(choice, draft.answers, isStrict) : recommended.notes;
  return (
    <section className="new-client-choice" aria-label="Authentication method">
      <div aria-live="polite">
        <p className="new-client-method">
          <strong>{METHOD_NAMES[choice.method]}</strong> <code>{choice.method}</code>{' '}
          {draft.override ? <Badge tone="warning">Your choice</Badge> : <Badge tone="accent">Recommended</Badge>}
        </p>
        <p>
          {draft.override && choice.method !== recommended.method
            ? `Recommended would be: ${METHOD_NAMES[recommended.method].toLowerCase()} (${recommended.method}). `
            : ''}
          {choice.method === recommended.method && recommended.reason}
        </p>
        {choice.binding !== 'none' && <p>Tokens are bound to {BOUND_TO[choice.binding]}.</p>}
        {notes.length > 0 && (
          <ul className="new-client-notes">
            {notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        )}
      </div>
      <details className="new-client-override" open={draft.override !== null}>
        <summary>Choose another method</summary>
        <div className="new-client-override-fields">
          <SelectField
            name="/token_endpoint_auth_method"
            label="Method"
            value={choice.method}
            options={allowedMethods(isStrict).map((method) => ({
              value: method,
              label: METHOD_NAMES[method],
              help: method,
            }))}
            onChange={(method: Method) => {
              const binding = bindingsOf(method).includes(choice.binding) ? choice.binding : 'dpop';
              onOverride({ method, binding });
            }}
          />
          <SelectField
            name="/binding"
            label="Tokens are bound to"
            value={choice.binding}
            options={bindingsOf(choice.method)
              .filter((binding) => !isStrict || binding !== 'none')
              .map((binding) => ({ value: binding, label: BINDING_NAMES[binding] }))}
            onChange={(binding) => onOverride({ method: choice.method, binding })}
          />
          {draft.override && (
            <Button kind="quiet" size="small" onClick={() => onOverride(null)}>
              Follow the recommendation
            </Button>
          )}
        </div>
      </details>
    </section>
  );
}

const BOUND_TO = { dpop: 'a key of the machine (DPoP)', certificate: 'the certificate of its connection' } as const;
