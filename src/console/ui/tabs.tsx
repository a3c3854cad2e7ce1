import { type ReactNode, useSyncExternalStore } from 'react';
import { TabList } from './tab-list.tsx';

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
    <TabList
      tabs={tabs}
      chosen={chosen.id}
      onChoose={choose}
      label={label}
      className="tabs"
      listClassName="tab-list"
      panelClassName="tab-panel"
    />
  );
}
