import { type KeyboardEvent, type ReactNode, useId, useRef } from 'react';

export interface TabItem {
  readonly id: string;
  readonly label: ReactNode;
  readonly content: () => ReactNode;
}

interface TabListProps {
  readonly tabs: readonly TabItem[];
  readonly chosen: string;
  readonly onChoose: (id: string) => void;
  readonly className: string;
  readonly listClassName: string;
  readonly panelClassName: string;
  /** Names the tabs for people who do not see them. */
  readonly label?: string;
}

/** Tabs after the pattern of the ARIA Authoring Practices: the arrow keys choose, Tab leads to the panel. Only the chosen panel is rendered. */
export function TabList({ tabs, chosen, onChoose, className, listClassName, panelClassName, label }: TabListProps) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const index = tabs.findIndex((tab) => tab.id === chosen);
  const move = (event: KeyboardEvent) => {
    const last = tabs.length - 1;
    const to = {
      ArrowRight: index === last ? 0 : index + 1,
      ArrowLeft: index === 0 ? last : index - 1,
      Home: 0,
      End: last,
    }[event.key];
    const tab = to === undefined ? undefined : tabs[to];
    if (!tab) return;
    event.preventDefault();
    onChoose(tab.id);
    list.current?.querySelectorAll<HTMLElement>('[role="tab"]')[tabs.indexOf(tab)]?.focus();
  };
  return (
    <div className={className}>
      <div ref={list} role="tablist" aria-label={label} className={listClassName} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${id}-${tabs.indexOf(tab)}`}
            aria-selected={tab.id === chosen}
            aria-controls={tab.id === chosen ? `${id}-panel` : undefined}
            tabIndex={tab.id === chosen ? 0 : -1}
            className="tab"
            onClick={() => onChoose(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div
        key={chosen}
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${index}`}
        className={panelClassName}
      >
        {tabs[index]?.content()}
      </div>
    </div>
  );
}
