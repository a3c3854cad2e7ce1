import { useId } from 'react';
import { FieldGroup, type FieldProps } from './field.tsx';
import type { Option } from './select-field.tsx';

interface RadioCardsFieldProps<Value extends string> extends FieldProps {
  readonly value: Value | '';
  readonly onChange: (value: Value) => void;
  readonly options: readonly Option<Value>[];
}

/** A choice of one among a few options, with a sentence about each. */
export function RadioCardsField<Value extends string>(props: RadioCardsFieldProps<Value>) {
  const { value, onChange, options, ...field } = props;
  const id = useId();
  return (
    <FieldGroup {...field} role="radiogroup">
      <div className="radio-cards">
        {options.map((option) => (
          <label key={option.value} className="radio-card">
            <input
              type="radio"
              className="radio"
              name={id}
              value={option.value}
              checked={option.value === value}
              aria-labelledby={`${id}-${option.value}`}
              aria-describedby={option.help === undefined ? undefined : `${id}-${option.value}-help`}
              onChange={() => onChange(option.value)}
            />
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
      </div>
    </FieldGroup>
  );
}
