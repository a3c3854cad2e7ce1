import { Field as Base } from '@base-ui/react/field';
import type { ReactNode } from 'react';
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

interface FieldFrameProps extends FieldProps {
  readonly children: ReactNode;
}

/** The label, help and errors around a control. */
export function Field({ name, label, help, isDisabled = false, isRequired = true, children }: FieldFrameProps) {
  const errors = useFieldErrors(name);
  return (
    <Base.Root className="field" data-field={name} disabled={isDisabled} invalid={errors.length > 0}>
      <Base.Label className="field-label">
        {label}
        {!isRequired && <span className="faint"> (optional)</span>}
      </Base.Label>
      {children}
      {help !== undefined && <Base.Description className="field-help">{help}</Base.Description>}
      {errors.map((error) => (
        <Base.Error key={error} match className="field-error">
          <SafeText text={error} />
        </Base.Error>
      ))}
    </Base.Root>
  );
}

/** Like `Field`, for a group of controls, of which each has its own label. */
export function FieldGroup({ name, label, help, isRequired = true, children }: FieldFrameProps) {
  const errors = useFieldErrors(name);
  return (
    <fieldset className="field field-group" data-field={name}>
      <legend className="field-label">
        {label}
        {!isRequired && <span className="faint"> (optional)</span>}
      </legend>
      {children}
      {help !== undefined && <p className="field-help">{help}</p>}
      {errors.map((error) => (
        <p key={error} className="field-error">
          <SafeText text={error} />
        </p>
      ))}
    </fieldset>
  );
}
