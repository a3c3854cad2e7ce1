import { useRef } from 'react';
import { Button } from '../../ui/button.tsx';
import { FieldGroup } from '../../ui/fields/field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Icon } from '../../ui/icon.tsx';
import type { Scope } from '../grants/shown.ts';

interface ScopesEditorProps {
  readonly value: readonly Scope[];
  readonly onChange: (value: Scope[]) => void;
}

/** Rows of scopes with their descriptions. */
export function ScopesEditor({ value, onChange }: ScopesEditorProps) {
  const list = useRef<HTMLDivElement>(null);
  const change = (index: number, changes: Partial<Scope>) =>
    onChange(value.map((scope, other) => (other === index ? { ...scope, ...changes } : scope)));
  const add = () => {
    onChange([...value, { name: '', description: '' }]);
    requestAnimationFrame(() =>
      list.current?.querySelector<HTMLElement>('.resource-server-scope:last-child input')?.focus(),
    );
  };
  return (
    <div className="resource-server-scopes-group">
      <FieldGroup name="/scopes" label="Scopes" isRequired={false}>
        <div ref={list} className="resource-server-scopes">
          {value.map((scope, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a row has no other identity while its name is typed.
            <div key={index} className="resource-server-scope">
              <TextField
                name={`/scopes/${index}/name`}
                label={`Scope ${index + 1}`}
                placeholder="orders:read"
                isCode
                value={scope.name}
                onChange={(name) => change(index, { name })}
              />
              <TextField
                name={`/scopes/${index}/description`}
                label={`Description of scope ${index + 1}`}
                placeholder="Read orders"
                isRequired={false}
                value={scope.description}
                onChange={(description) => change(index, { description })}
              />
              <button
                type="button"
                className="icon-button"
                aria-label={`Remove scope ${scope.name === '' ? index + 1 : scope.name}`}
                onClick={() => onChange(value.filter((_, other) => other !== index))}
              >
                <Icon name="close" />
              </button>
            </div>
          ))}
        </div>
        <div>
          <Button size="small" onClick={add}>
            Add a scope
          </Button>
        </div>
      </FieldGroup>
    </div>
  );
}
