import { Tabs as Base } from '@base-ui/react/tabs';
import { type ReactNode, useSyncExternalStore } from 'react';

export interface Tab {
  /** The part of the address after `#`. */
  readonly id: string;
  readonly label: ReactNode;
  readonly content: () => ReactNode;
}

function listen(onChange: () => void): () => void {
  for (const event of ['hashchange', 'popstate']) addEventListener(event, onChange);
  return () => {
    for (const event of ['hashchange', 'popstate']) removeEventListener(event, onChange);
  };
}

/** Tabs of which the chosen one is in the address, so that it can be linked. Only the chosen one is rendered. */
export function Tabs({ tabs, label }: { readonly tabs: readonly Tab[]; readonly label: string }) {
  const hash = useSyncExternalStore(listen, () => location.hash.slice(1));
  const chosen = tabs.find(({ id }) => id === hash) ?? tabs[0];
  if (!chosen) return null;
  const choose = (id: string) => {
    history.replaceState(history.state, '', `#${id}`);
    dispatchEvent(new HashChangeEvent('hashchange'));
  };
  return (
    <Base.Root value={chosen.id} onValueChange={(id) => choose(String(id))} className="tabs">
      <Base.List className="tab-list" aria-label={label}>
        {tabs.map((tab) => (
          <Base.Tab key={tab.id} value={tab.id} className="tab">
            {tab.label}
          </Base.Tab>
        ))}
      </Base.List>
      {tabs.map((tab) => (
        <Base.Panel key={tab.id} value={tab.id} className="tab-panel">
          {tab.content()}
        </Base.Panel>
      ))}
    </Base.Root>
  );
}
