import { createContext, type ReactNode, useContext, useId } from 'react';
import { useFieldErrors } from '../form.tsx';
import { SafeText } from '../safe-text.tsx';

/** What every field has. */
export interface FieldProps {
  /** The JSON pointer of the field, such as `/client_name`. */
  readonly name: string;
  readonly label: string;
  readonly help?: ReactNode;
  readonly isRequired?: boolean;
}

/** The attributes that tie a control to the label, help and errors around it. */
interface ControlProps {
  readonly id?: string;
  readonly 'aria-describedby'?: string | undefined;
  readonly 'aria-invalid'?: true | undefined;
}

const Control = createContext<ControlProps & { readonly labelId?: string }>({});

/** Returns the attributes of the control of the field around it. */
export function useControl(): ControlProps {
  const { labelId: _, ...props } = useContext(Control);
  return props;
}

/** Returns the id of the label, for a control that a `<label>` cannot name. */
export function useLabelId(): string | undefined {
  return useContext(Control).labelId;
}

interface FieldFrameProps extends FieldProps {
  readonly children: ReactNode;
}

/** The label, help and errors around a control. */
export function Field({ name, label, help, isRequired = true, children }: FieldFrameProps) {
  const { id, described, notes } = useNotes(name, help);
  return (
    <Control value={{ id, labelId: `${id}-label`, ...described }}>
      <div className="field" data-field={name}>
        <label id={`${id}-label`} htmlFor={id} className="field-label">
          {label}
          {!isRequired && <span className="faint"> (optional)</span>}
        </label>
        {children}
        {notes}
      </div>
    </Control>
  );
}

/** Returns the help and the errors of a field, and the attributes that tie them to its control. */
export function useNotes(name: string, help: ReactNode) {
  const errors = useFieldErrors(name);
  const id = useId();
  const ids = [help === undefined ? '' : `${id}-help`, errors.length > 0 ? `${id}-errors` : ''].filter(Boolean);
  return {
    id,
    described: {
      'aria-describedby': ids.length > 0 ? ids.join(' ') : undefined,
      'aria-invalid': errors.length > 0 ? (true as const) : undefined,
    },
    notes: (
      <>
        {help !== undefined && (
          <div id={`${id}-help`} className="field-help">
            {help}
          </div>
        )}
        {errors.length > 0 && (
          <div id={`${id}-errors`}>
            {errors.map((error) => (
              <p key={error} className="field-error">
                <SafeText text={error} />
              </p>
            ))}
          </div>
        )}
      </>
    ),
  };
}

interface FieldGroupProps extends FieldFrameProps {
  /** For a choice of one among several. */
  readonly role?: 'radiogroup';
}

/** Like `Field`, for a group of controls, of which each has its own label. */
export function FieldGroup({ name, label, help, isRequired = true, role, children }: FieldGroupProps) {
  const { described, notes } = useNotes(name, help);
  return (
    <fieldset
      className="field field-group"
      data-field={name}
      role={role}
      aria-describedby={described['aria-describedby']}
      // A plain group must not have it: see the roles of `aria-invalid` in WAI-ARIA.
      aria-invalid={role && described['aria-invalid']}
    >
      <legend className="field-label">
        {label}
        {!isRequired && <span className="faint"> (optional)</span>}
      </legend>
      {children}
      {notes}
    </fieldset>
  );
}
