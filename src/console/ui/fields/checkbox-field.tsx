import { useEffect, useId, useRef } from 'react';
import { useFieldErrors } from '../form.tsx';
import { FieldNotes, type FieldProps } from './field.tsx';

interface CheckboxFieldProps extends FieldProps {
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
}

export function CheckboxField({ name, label, help, isDisabled = false, value, onChange }: CheckboxFieldProps) {
  const errors = useFieldErrors(name);
  const id = useId();
  return (
    <div className="field field-checkbox" data-field={name}>
      {/* biome-ignore lint/a11y/noLabelWithoutControl: the control is the component within. */}
      <label className="checkbox-label">
        <CheckboxControl
          value={value}
          onChange={onChange}
          isDisabled={isDisabled}
          describedBy={`${id}-help ${id}-errors`}
        />
        <span>{label}</span>
      </label>
      <FieldNotes id={id} help={help} errors={errors} />
    </div>
  );
}

interface CheckboxControlProps {
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
  /** Its name, if no label is around it. */
  readonly label?: string;
  /** Whether some of what it stands for is chosen. */
  readonly isPartial?: boolean;
  readonly isDisabled?: boolean;
  /** The ids of the texts that say more. */
  readonly describedBy?: string;
}

/** The control alone, as in a row of a table. */
export function CheckboxControl(props: CheckboxControlProps) {
  const { value, onChange, label, isPartial = false, isDisabled = false, describedBy } = props;
  const control = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (control.current) control.current.indeterminate = isPartial;
  }, [isPartial]);
  return (
    <input
      ref={control}
      type="checkbox"
      className="checkbox"
      checked={value}
      disabled={isDisabled}
      aria-label={label}
      aria-describedby={describedBy}
      onChange={(event) => onChange(event.target.checked)}
    />
  );
}
