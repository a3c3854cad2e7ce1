import { Field as Base } from '@base-ui/react/field';
import { Field, type FieldProps } from './field.tsx';

interface TextFieldProps extends FieldProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly placeholder?: string;
  readonly type?: 'text' | 'password' | 'url' | 'search' | 'email';
  /** Shows it in a font in which similar characters differ. */
  readonly isCode?: boolean;
  readonly autoFocus?: boolean;
  readonly autoComplete?: string;
}

export function TextField({
  value,
  onChange,
  placeholder,
  type = 'text',
  isCode = false,
  autoFocus,
  autoComplete = 'off',
  ...field
}: TextFieldProps) {
  return (
    <Field {...field}>
      <Base.Control
        className={isCode ? 'input code' : 'input'}
        type={type}
        value={value}
        placeholder={placeholder}
        autoComplete={autoComplete}
        spellCheck={isCode ? false : undefined}
        autoFocus={autoFocus}
        required={field.isRequired ?? true}
        onValueChange={onChange}
      />
    </Field>
  );
}
