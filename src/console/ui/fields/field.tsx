import { createContext, type ReactNode, useContext, useId } from 'react';
import { useFieldErrors } from '../form.tsx';
import { SafeText } from '../safe-text.tsx';

/** What every field has. */
export interface FieldProps {
  /** The JSON pointer of the field, such as `/client_name`. */
  readonly name: string;
  readonly label: string;
  readonly help?: ReactNode;
  readonly isDisabled?: boolean;
  readonly isRequired?: boolean;
}

/** The attributes that tie a control to the label, help and errors around it. */
interface ControlProps {
  readonly id?: string;
  readonly 'aria-describedby'?: string | undefined;
  readonly 'aria-invalid'?: true | undefined;
  readonly disabled?: boolean;
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
export function Field({ name, label, help, isDisabled = false, isRequired = true, children }: FieldFrameProps) {
  const errors = useFieldErrors(name);
  const id = useId();
  const described = [help === undefined ? '' : `${id}-help`, errors.length > 0 ? `${id}-errors` : ''].filter(Boolean);
  const control = {
    id,
    labelId: `${id}-label`,
    disabled: isDisabled,
    'aria-describedby': described.length > 0 ? described.join(' ') : undefined,
    'aria-invalid': errors.length > 0 ? (true as const) : undefined,
  };
  return (
    <Control value={control}>
      <div className="field" data-field={name}>
        <label id={control.labelId} htmlFor={id} className="field-label">
          {label}
          {!isRequired && <span className="faint"> (optional)</span>}
        </label>
        {children}
        <FieldNotes id={id} help={help} errors={errors} />
      </div>
    </Control>
  );
}

interface FieldNotesProps {
  readonly id: string;
  readonly help: ReactNode;
  readonly errors: readonly string[];
}

/** The help and the errors below a control. */
export function FieldNotes({ id, help, errors }: FieldNotesProps) {
  return (
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
  );
}

/** Like `Field`, for a group of controls, of which each has its own label. */
export function FieldGroup({ name, label, help, isDisabled = false, isRequired = true, children }: FieldFrameProps) {
  const errors = useFieldErrors(name);
  const id = useId();
  return (
    <fieldset className="field field-group" data-field={name} disabled={isDisabled}>
      <legend className="field-label">
        {label}
        {!isRequired && <span className="faint"> (optional)</span>}
      </legend>
      {children}
      <FieldNotes id={id} help={help} errors={errors} />
    </fieldset>
  );
}
