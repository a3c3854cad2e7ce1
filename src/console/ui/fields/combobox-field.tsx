import { Combobox } from '@base-ui/react/combobox';
import { useState } from 'react';
import { Icon } from '../icon.tsx';
import { SafeText, visible } from '../safe-text.tsx';
import { Field, type FieldProps, useControl } from './field.tsx';
import { type AsyncOptions, useOptions } from './options.ts';
import type { Option } from './select-field.tsx';

interface ComboboxFieldProps extends FieldProps {
  /** The value of an option, or an empty string for none. */
  readonly value: string;
  readonly onChange: (value: string, option: Option | undefined) => void;
  /** All options, or a function that looks for them. */
  readonly options: AsyncOptions;
  readonly placeholder?: string;
}

/** A choice among many options, which can be searched. */
export function ComboboxField({ value, onChange, options, placeholder, ...field }: ComboboxFieldProps) {
  const [search, setSearch] = useState('');
  const { found, isLoading } = useOptions(options, search);
  const [chosen, setChosen] = useState<Option | null>(null);
  const selected =
    value === '' ? null : ([chosen, ...found].find((option) => option?.value === value) ?? { value, label: value });
  return (
    <Field {...field}>
      <Combobox.Root
        items={found}
        value={selected}
        filter={typeof options === 'function' ? null : undefined}
        itemToStringLabel={(option: Option) => visible(option.label)}
        isItemEqualToValue={(one: Option, other: Option) => one.value === other.value}
        onInputValueChange={setSearch}
        onValueChange={(option: Option | null) => {
          setChosen(option);
          onChange(option?.value ?? '', option ?? undefined);
        }}
      >
        <div className="combobox">
          <ComboboxInput className="input" placeholder={placeholder} />
          <Combobox.Trigger className="combobox-trigger" aria-label="Show the options">
            <Icon name="chevron" />
          </Combobox.Trigger>
        </div>
        <ComboboxPopup isLoading={isLoading} />
      </Combobox.Root>
    </Field>
  );
}

/** The place where people type. */
export function ComboboxInput(props: { readonly className: string; readonly placeholder: string | undefined }) {
  return <Combobox.Input {...useControl()} {...props} />;
}

/** The list below a combobox. */
export function ComboboxPopup({ isLoading }: { readonly isLoading: boolean }) {
  return (
    <Combobox.Portal>
      <Combobox.Positioner className="positioner" sideOffset={4}>
        <Combobox.Popup className="popup">
          <Combobox.Empty>{<p className="popup-note">{isLoading ? 'Loading…' : 'Nothing found.'}</p>}</Combobox.Empty>
          <Combobox.List>
            {(option: Option) => (
              <Combobox.Item key={option.value} value={option} className="menu-item">
                <SafeText text={option.label} />
                {option.help && <span className="faint small">{option.help}</span>}
                <Combobox.ItemIndicator className="menu-check">
                  <Icon name="check" />
                </Combobox.ItemIndicator>
              </Combobox.Item>
            )}
          </Combobox.List>
        </Combobox.Popup>
      </Combobox.Positioner>
    </Combobox.Portal>
  );
}
