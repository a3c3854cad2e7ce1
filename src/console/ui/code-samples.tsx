import { useState } from 'react';
import { CopyButton } from './copy-button.tsx';
import { TabList } from './tab-list.tsx';

export interface CodeSample {
  readonly label: string;
  readonly language: string;
  readonly code: string;
}

/** Shows the same code in several languages, each with a copy button. */
export function CodeSamples({ samples }: { readonly samples: readonly CodeSample[] }) {
  // Other samples begin with the first.
  return <Samples key={samples[0]?.label} samples={samples} />;
}

function Samples({ samples }: { readonly samples: readonly CodeSample[] }) {
  const [chosen, setChosen] = useState(samples[0]?.label ?? '');
  const shown = samples.some(({ label }) => label === chosen) ? chosen : samples[0]?.label;
  if (shown === undefined) return null;
  return (
    <TabList
      chosen={shown}
      onChoose={setChosen}
      label="Languages"
      className="code-samples"
      listClassName="tab-list tab-list-small"
      panelClassName="code-block"
      tabs={samples.map(({ label, language, code }) => ({
        id: label,
        label,
        content: () => (
          <>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the code scrolls, so the keyboard must reach it. */}
            <pre tabIndex={0}>
              <code data-language={language}>{code}</code>
            </pre>
            <CopyButton value={code} label={`Copy the ${label} sample`} />
          </>
        ),
      }))}
    />
  );
}
