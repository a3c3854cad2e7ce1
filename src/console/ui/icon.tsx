// Outlines on a grid of 16 × 16, drawn with a stroke of 1.5.
const PATHS = {
  overview: 'M2.5 13.5v-5M6.2 13.5v-9M9.8 13.5V7M13.5 13.5v-11',
  organizations: 'M2.5 13.5v-9l5-2v11M7.5 6.5l6 2v5M1.5 13.5h13M5 6.5v0M5 9.5v0M10.5 10.5v0',
  clients: 'M3 3.5h10v6H3zM1.5 12.5h13M6 9.5v3M10 9.5v3',
  servers: 'M2.5 2.5h11v4.5h-11zM2.5 9h11v4.5h-11zM5 4.8v0M5 11.2v0',
  roles: 'M8 1.8l5.5 2v4c0 3.3-2.3 5.500-5.500 6.500C4.800 13.300 2.500 11.100 2.500 7.800v-4z',
  keys: 'M10 6a3 3 0 1 1-6 0 3 3 0 0 1 6 0zM9.200 8.200l4.300 4.300M11.500 10.500l-1.500 1.500',
  webhooks: 'M2.500 5.500h8.500l-2.500-2.500M13.500 10.500H5l2.500 2.500',
  audit: 'M4 2h8v12H4zM6 5h4M6 8h4M6 11h2.500',
  export: 'M8 2v8M5 7l3 3 3-3M2.500 11.500v2h11v-2',
  lock: 'M3.500 7h9v6.500h-9zM5.500 7V5a2.500 2.500 0 0 1 5 0v2',
  copy: 'M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3',
  check: 'M3 8.500l3.500 3.500L13 4.500',
  menu: 'M2 4h12M2 8h12M2 12h12',
  chevron: 'M4 6l4 4 4-4',
  user: 'M10.500 5.500a2.500 2.500 0 1 1-5 0 2.500 2.500 0 0 1 5 0zM3 13.500c.5-2.500 2.500-4 5-4s4.500 1.500 5 4',
  close: 'M3.500 3.500l9 9M12.500 3.500l-9 9',
  more: 'M3.500 8v0M8 8v0M12.500 8v0',
  plus: 'M8 3v10M3 8h10',
  search: 'M11 7a4 4 0 1 1-8 0 4 4 0 0 1 8 0zM10 10l3.500 3.500',
  warning: 'M8 2.500l6 11H2zM8 6.500v3M8 11.500v0',
  external: 'M9 2.500h4.500V7M13.500 2.500L7.500 8.500M11.500 9.500v4h-9v-9h4',
} as const;

export type IconName = keyof typeof PATHS;

/** A small picture beside a text. It says nothing of its own. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
