import { Select } from '@base-ui/react/select';
import { Icon } from '../icon.tsx';
import { Field, type FieldProps, useControl, useLabelId } from './field.tsx';

export interface Option<Value extends string = string> {
  readonly value: Value;
  readonly label: string;
  readonly help?: string;
}

interface SelectFieldProps<Value extends string> extends FieldProps {
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly options: readonly Option<Value>[];
}

export function SelectField<Value extends string>({ value, onChange, options, ...field }: SelectFieldProps<Value>) {
  return (
    <Field {...field}>
      <SelectControl value={value} onChange={onChange} options={options} />
    </Field>
  );
}

interface SelectControlProps<Value extends string> {
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly options: readonly Option<Value>[];
  /** Its name, if it is not that of a field, as in a bar of filters. */
  readonly label?: string;
}

/** The control alone. */
export function SelectControl<Value extends string>({ value, onChange, options, label }: SelectControlProps<Value>) {
  const { id, ...described } = useControl();
  const labelId = useLabelId();
  const named = label === undefined ? { id, 'aria-labelledby': labelId } : { 'aria-label': label };
  return (
    <Select.Root
      value={value}
      onValueChange={(chosen) => chosen !== null && onChange(chosen as Value)}
      items={options.map((option) => ({ value: option.value, label: option.label }))}
    >
      <Select.Trigger className="input select" {...described} {...named}>
        <Select.Value />
        <Select.Icon className="select-icon">
          <Icon name="chevron" />
        </Select.Icon>
      </Select.Trigger>
      <Select.Portal>
        <Select.Positioner className="positioner" sideOffset={4} alignItemWithTrigger={false}>
          <Select.Popup className="popup">
            <Select.List>
              {options.map((option) => (
                <Select.Item key={option.value} value={option.value} className="menu-item">
                  <Select.ItemText>{option.label}</Select.ItemText>
                  {option.help && <span className="faint small">{option.help}</span>}
                  <Select.ItemIndicator className="menu-check">
                    <Icon name="check" />
                  </Select.ItemIndicator>
                </Select.Item>
              ))}
            </Select.List>
          </Select.Popup>
        </Select.Positioner>
      </Select.Portal>
    </Select.Root>
  );
}
