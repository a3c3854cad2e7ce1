import { useState } from 'react';
import { curlFor, type ShownCall } from '../api/equivalents.ts';
import { CodeSamples } from './code-samples.tsx';

interface CallHintProps {
  readonly call: ShownCall;
  /** The same as an `edgemint …` command, if there is one. */
  readonly command?: string | undefined;
}

/** Shows how to do the same in a script. It is folded at first. */
export function CallHint({ call, command }: CallHintProps) {
  const [isOpen, setOpen] = useState(false);
  const samples = [
    ...(command === undefined ? [] : [{ label: 'edgemint', language: 'shell', code: command }]),
    { label: 'curl', language: 'shell', code: curlFor(call) },
  ];
  return (
    <details className="call-hint" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Do this with curl or edgemint</summary>
      {isOpen && <CodeSamples samples={samples} />}
    </details>
  );
}
