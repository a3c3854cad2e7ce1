import { useState } from 'react';
import { Icon } from '../icon.tsx';
import { SafeText, visible } from '../safe-text.tsx';
import { Field, type FieldProps, useControl } from './field.tsx';

interface TagsProps {
  readonly value: readonly string[];
  readonly onChange: (value: string[]) => void;
  readonly placeholder?: string;
}

/** A list of texts. Enter, a comma, a space or leaving the field adds what was typed; a pasted list is split. */
export function TagsField({ value, onChange, placeholder, ...field }: FieldProps & TagsProps) {
  return (
    <Field {...field}>
      <Tags value={value} onChange={onChange} {...(placeholder !== undefined && { placeholder })} />
    </Field>
  );
}

function Tags({ value, onChange, placeholder }: TagsProps) {
  const control = useControl();
  const [typed, setTyped] = useState('');
  const add = (text: string) => {
    const added = text.split(/[\s,]+/).filter((each) => each !== '' && !value.includes(each));
    if (added.length > 0) onChange([...value, ...new Set(added)]);
    setTyped('');
  };
  return (
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
      <input
        {...control}
        className="chips-input code"
        value={typed}
        placeholder={value.length === 0 ? placeholder : undefined}
        spellCheck={false}
        autoComplete="off"
        onChange={({ target }) => (/[\s,]/.test(target.value) ? add(target.value) : setTyped(target.value))}
        onBlur={() => add(typed)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && typed !== '') {
            event.preventDefault();
            add(typed);
          } else if (event.key === 'Backspace' && typed === '') onChange(value.slice(0, -1));
        }}
      />
    </div>
  );
}
