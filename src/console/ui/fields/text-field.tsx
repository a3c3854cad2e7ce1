import { Field, type FieldProps, useControl } from './field.tsx';

interface InputProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly placeholder?: string;
  readonly type?: 'text' | 'password' | 'url' | 'search' | 'email';
  /** Shows it in a font in which similar characters differ. */
  readonly isCode?: boolean;
  readonly autoFocus?: boolean;
  readonly autoComplete?: string;
}

export function TextField({ name, label, help, isRequired = true, ...input }: FieldProps & InputProps) {
  return (
    <Field name={name} label={label} help={help} isRequired={isRequired}>
      <Input {...input} isRequired={isRequired} />
    </Field>
  );
}

function Input(props: InputProps & { readonly isRequired: boolean }) {
  const {
    value,
    onChange,
    placeholder,
    type = 'text',
    isCode = false,
    autoFocus,
    autoComplete = 'off',
    isRequired,
  } = props;
  return (
    <input
      {...useControl()}
      className={isCode ? 'input code' : 'input'}
      type={type}
      value={value}
      placeholder={placeholder}
      autoComplete={autoComplete}
      spellCheck={isCode ? false : undefined}
      // biome-ignore lint/a11y/noAutofocus: only a page or dialog with one thing to do asks for it.
      autoFocus={autoFocus}
      required={isRequired}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
