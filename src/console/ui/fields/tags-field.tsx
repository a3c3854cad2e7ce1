import { Field as Base } from '@base-ui/react/field';
import { useState } from 'react';
import { Icon } from '../icon.tsx';
import { SafeText, visible } from '../safe-text.tsx';
import { Field, type FieldProps } from './field.tsx';

interface TagsFieldProps extends FieldProps {
  readonly value: readonly string[];
  readonly onChange: (value: string[]) => void;
  readonly placeholder?: string;
}

/** A list of texts. Enter, a comma, a space or leaving the field adds what was typed; a pasted list is split. */
export function TagsField({ value, onChange, placeholder, ...field }: TagsFieldProps) {
  const [typed, setTyped] = useState('');
  const add = (text: string) => {
    const added = text.split(/[\s,]+/).filter((each) => each !== '' && !value.includes(each));
    if (added.length > 0) onChange([...value, ...new Set(added)]);
    setTyped('');
  };
  return (
    <Field {...field}>
      <div className="input chips">
        {value.map((each) => (
          <span key={each} className="chip">
            <SafeText text={each} />
            <button
              type="button"
              className="chip-remove"
              aria-label={`Remove ${visible(each)}`}
              onClick={() => onChange(value.filter((other) => other !== each))}
            >
              <Icon name="close" />
            </button>
          </span>
        ))}
        <Base.Control
          className="chips-input code"
          value={typed}
          placeholder={value.length === 0 ? placeholder : undefined}
          spellCheck={false}
          autoComplete="off"
          onValueChange={(text) => (/[\s,]/.test(text) ? add(text) : setTyped(text))}
          onBlur={() => add(typed)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && typed !== '') {
              event.preventDefault();
              add(typed);
            } else if (event.key === 'Backspace' && typed === '') onChange(value.slice(0, -1));
          }}
        />
      </div>
    </Field>
  );
}
