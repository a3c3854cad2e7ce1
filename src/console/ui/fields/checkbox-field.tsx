import { Checkbox } from '@base-ui/react/checkbox';
import { Field as Base } from '@base-ui/react/field';
import { useFieldErrors } from '../form.tsx';
import { Icon } from '../icon.tsx';
import { SafeText } from '../safe-text.tsx';
import type { FieldProps } from './field.tsx';

interface CheckboxFieldProps extends FieldProps {
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
}

export function CheckboxField({ name, label, help, isDisabled = false, value, onChange }: CheckboxFieldProps) {
  const errors = useFieldErrors(name);
  return (
    <Base.Root className="field field-checkbox" data-field={name} disabled={isDisabled} invalid={errors.length > 0}>
      <Base.Label className="checkbox-label">
        <CheckboxControl value={value} onChange={onChange} />
        <span>{label}</span>
      </Base.Label>
      {help !== undefined && <Base.Description className="field-help">{help}</Base.Description>}
      {errors.map((error) => (
        <Base.Error key={error} match className="field-error">
          <SafeText text={error} />
        </Base.Error>
      ))}
    </Base.Root>
  );
}

interface CheckboxControlProps {
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
  /** Its name, if no label is around it. */
  readonly label?: string;
  /** Whether some of what it stands for is chosen. */
  readonly isPartial?: boolean;
}

/** The control alone, as in a row of a table. */
export function CheckboxControl({ value, onChange, label, isPartial = false }: CheckboxControlProps) {
  return (
    <Checkbox.Root
      className="checkbox"
      checked={value}
      indeterminate={isPartial}
      onCheckedChange={onChange}
      {...(label !== undefined && { 'aria-label': label })}
    >
      <Checkbox.Indicator className="checkbox-mark">
        <Icon name="check" />
      </Checkbox.Indicator>
    </Checkbox.Root>
  );
}
