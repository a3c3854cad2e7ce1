import { useEffect, useRef } from 'react';
import { type FieldProps, useNotes } from './field.tsx';

interface CheckboxFieldProps extends FieldProps {
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
}

export function CheckboxField({ name, label, help, value, onChange }: CheckboxFieldProps) {
  const { described, notes } = useNotes(name, help);
  return (
    <div className="field field-checkbox" data-field={name}>
      {/* biome-ignore lint/a11y/noLabelWithoutControl: the control is the component within. */}
      <label className="checkbox-label">
        <CheckboxControl value={value} onChange={onChange} {...described} />
        <span>{label}</span>
      </label>
      {notes}
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
  readonly 'aria-describedby'?: string | undefined;
  readonly 'aria-invalid'?: true | undefined;
}

/** The control alone, as in a row of a table. */
export function CheckboxControl(props: CheckboxControlProps) {
  const { value, onChange, label, isPartial = false, isDisabled = false, ...described } = props;
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
      {...described}
      onChange={(event) => onChange(event.target.checked)}
    />
  );
}
