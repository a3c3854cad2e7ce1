import { Tabs } from '@base-ui/react/tabs';
import { CopyButton } from './copy-button.tsx';

export interface CodeSample {
  readonly label: string;
  readonly language: string;
  readonly code: string;
}

/** Shows the same code in several languages, each with a copy button. */
export function CodeSamples({ samples }: { readonly samples: readonly CodeSample[] }) {
  const [first] = samples;
  if (!first) return null;
  return (
    <Tabs.Root key={first.label} defaultValue={first.label} className="code-samples">
      <Tabs.List className="tab-list tab-list-small" activateOnFocus>
        {samples.map(({ label }) => (
          <Tabs.Tab key={label} value={label} className="tab">
            {label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {samples.map(({ label, language, code }) => (
        <Tabs.Panel key={label} value={label} className="code-block">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the code scrolls, so the keyboard must reach it. */}
          <pre tabIndex={0}>
            <code data-language={language}>{code}</code>
          </pre>
          <CopyButton value={code} label={`Copy the ${label} sample`} />
        </Tabs.Panel>
      ))}
    </Tabs.Root>
  );
}
