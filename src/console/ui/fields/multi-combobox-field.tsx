import { Combobox } from '@base-ui/react/combobox';
import { useState } from 'react';
import { Icon } from '../icon.tsx';
import { SafeText, visible } from '../safe-text.tsx';
import { ComboboxInput, ComboboxPopup } from './combobox-field.tsx';
import { Field, type FieldProps } from './field.tsx';
import { type AsyncOptions, useOptions } from './options.ts';
import type { Option } from './select-field.tsx';

interface MultiComboboxFieldProps extends FieldProps {
  readonly value: readonly string[];
  readonly onChange: (value: string[], options: Option[]) => void;
  readonly options: AsyncOptions;
  readonly placeholder?: string;
}

/** A choice of several among many options, which can be searched. */
export function MultiComboboxField({ value, onChange, options, placeholder, ...field }: MultiComboboxFieldProps) {
  const [search, setSearch] = useState('');
  const { found, isLoading } = useOptions(options, search);
  const [chosen, setChosen] = useState<readonly Option[]>([]);
  const selected = value.map(
    (each) => [...chosen, ...found].find((option) => option.value === each) ?? { value: each, label: each },
  );
  return (
    <Field {...field}>
      <Combobox.Root
        multiple
        items={found}
        value={selected}
        filter={typeof options === 'function' ? null : undefined}
        itemToStringLabel={(option: Option) => visible(option.label)}
        isItemEqualToValue={(one: Option, other: Option) => one.value === other.value}
        onInputValueChange={setSearch}
        onValueChange={(all: Option[]) => {
          setChosen(all);
          onChange(
            all.map((option) => option.value),
            all,
          );
        }}
      >
        <Combobox.Chips className="input chips">
          {selected.map((option) => (
            <Combobox.Chip key={option.value} className="chip" aria-label={visible(option.label)}>
              <SafeText text={option.label} />
              <Combobox.ChipRemove className="chip-remove" aria-label={`Remove ${visible(option.label)}`}>
                <Icon name="close" />
              </Combobox.ChipRemove>
            </Combobox.Chip>
          ))}
          <ComboboxInput className="chips-input" placeholder={selected.length === 0 ? placeholder : undefined} />
        </Combobox.Chips>
        <ComboboxPopup isLoading={isLoading} />
      </Combobox.Root>
    </Field>
  );
}
