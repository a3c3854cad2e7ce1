import { useEffect, useRef, useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { CheckboxField } from '../../ui/fields/checkbox-field.tsx';
import { ComboboxField } from '../../ui/fields/combobox-field.tsx';
import { FieldGroup } from '../../ui/fields/field.tsx';
import { MultiComboboxField } from '../../ui/fields/multi-combobox-field.tsx';
import { SafeText, visible } from '../../ui/safe-text.tsx';
import { type Grant, withScope } from './holders.ts';
import type { ShownServer } from './shown.ts';
import './grants.css';

interface GrantsEditorProps {
  readonly value: readonly Grant[];
  readonly onChange: (value: Grant[]) => void;
  readonly servers: readonly ShownServer[];
  readonly help: string;
}

/** From this number of scopes on they are searched instead of listed. */
const LISTED_MAX = 20;
const FOCUS_MS = 50;

/** Chooses resource servers, and scopes at each. */
export function GrantsEditor({ value, onChange, servers, help }: GrantsEditorProps) {
  const [added, setAdded] = useState<string>();
  const isGranted = (identifier: string) => value.some(({ resource_server }) => resource_server === identifier);
  const others = servers.filter(({ identifier }) => !isGranted(identifier));
  return (
    <FieldGroup name="/grants" label="Grants" help={help} isRequired={false}>
      {value.map((grant) => (
        <GrantBox
          key={grant.resource_server}
          isFocused={grant.resource_server === added}
          grant={grant}
          server={servers.find(({ identifier }) => identifier === grant.resource_server)}
          onChange={(scopes) =>
            onChange(
              value.map((other) => (other.resource_server === grant.resource_server ? { ...other, scopes } : other)),
            )
          }
          onRemove={() => onChange(value.filter((other) => other !== grant))}
        />
      ))}
      {others.length > 0 && (
        <ComboboxField
          key={value.length}
          name="/new_grant"
          label="Add a resource server"
          value=""
          placeholder="Search by identifier or name"
          options={others.map(({ identifier, name }) => ({ value: identifier, label: identifier, help: name }))}
          onChange={(identifier) => {
            if (identifier === '') return;
            onChange([...value, { resource_server: identifier, scopes: [] }]);
            setAdded(identifier);
          }}
        />
      )}
    </FieldGroup>
  );
}

interface GrantBoxProps {
  readonly grant: Grant;
  readonly server: ShownServer | undefined;
  readonly onChange: (scopes: readonly string[]) => void;
  readonly onRemove: () => void;
  /** Whether it was just added. The focus goes on there, as the list that it was chosen from is gone. */
  readonly isFocused: boolean;
}

function GrantBox({ grant, server, onChange, onRemove, isFocused }: GrantBoxProps) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isFocused) return;
    // After the list has closed, which would take the focus back.
    const timer = setTimeout(() => box.current?.focus(), FOCUS_MS);
    return () => clearTimeout(timer);
  }, [isFocused]);
  const { resource_server, scopes } = grant;
  const available = server?.scopes ?? scopes.map((name) => ({ name, description: '' }));
  const shown = visible(resource_server);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset's legend cannot stand in a row with the button.
    <div ref={box} tabIndex={-1} className="grants-box" role="group" aria-label={shown}>
      <div className="grants-head">
        <span>
          <SafeText text={resource_server} />
          {server && server.name !== resource_server && (
            <span className="faint">
              {' '}
              <SafeText text={server.name} />
            </span>
          )}
        </span>
        <Button kind="quiet" size="small" aria-label={`Remove the grant at ${shown}`} onClick={onRemove}>
          Remove
        </Button>
      </div>
      {available.length === 0 && <p className="field-help">It has no scopes. The grant alone permits tokens for it.</p>}
      {available.length > LISTED_MAX ? (
        <MultiComboboxField
          name={`/grants/${shown}`}
          label="Scopes"
          value={scopes}
          isRequired={false}
          placeholder="Search the scopes"
          options={available.map(({ name, description }) => ({ value: name, label: name, help: description }))}
          onChange={(chosen) => onChange([...chosen].sort())}
        />
      ) : (
        <div className="grants-scopes">
          {available.map(({ name, description }) => (
            <CheckboxField
              key={name}
              name={`/grants/${shown}/${name}`}
              label={visible(name)}
              {...(description !== '' && { help: <SafeText text={description} /> })}
              value={scopes.includes(name)}
              onChange={(isChosen) => onChange(withScope([grant], resource_server, name, isChosen)[0]?.scopes ?? [])}
            />
          ))}
        </div>
      )}
      {available.length > 0 && scopes.length === 0 && (
        <p className="field-help">No scope is chosen: the tokens for it have none.</p>
      )}
    </div>
  );
}
