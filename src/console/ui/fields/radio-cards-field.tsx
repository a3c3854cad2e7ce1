import { Radio } from '@base-ui/react/radio';
import { RadioGroup } from '@base-ui/react/radio-group';
import { useId } from 'react';
import { FieldGroup, type FieldProps } from './field.tsx';
import type { Option } from './select-field.tsx';

interface RadioCardsFieldProps<Value extends string> extends FieldProps {
  readonly value: Value | '';
  readonly onChange: (value: Value) => void;
  readonly options: readonly Option<Value>[];
}

/** A choice of one among a few options, with a sentence about each. */
export function RadioCardsField<Value extends string>({
  value,
  onChange,
  options,
  ...field
}: RadioCardsFieldProps<Value>) {
  const id = useId();
  return (
    <FieldGroup {...field}>
      <RadioGroup
        className="radio-cards"
        value={value}
        onValueChange={(chosen) => onChange(chosen as Value)}
        disabled={field.isDisabled ?? false}
        aria-label={field.label}
      >
        {options.map((option) => (
          // biome-ignore lint/a11y/noLabelWithoutControl: the control is Base UI's radio.
          <label key={option.value} className="radio-card">
            <Radio.Root
              value={option.value}
              className="radio"
              aria-labelledby={`${id}-${option.value}`}
              {...(option.help !== undefined && { 'aria-describedby': `${id}-${option.value}-help` })}
            >
              <Radio.Indicator className="radio-mark" />
            </Radio.Root>
            <span className="radio-card-text">
              <span id={`${id}-${option.value}`}>{option.label}</span>
              {option.help && (
                <span id={`${id}-${option.value}-help`} className="field-help">
                  {option.help}
                </span>
              )}
            </span>
          </label>
        ))}
      </RadioGroup>
    </FieldGroup>
  );
}
