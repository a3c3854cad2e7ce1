import { useEffect, useRef, useState } from 'react';
import { IncompleteCopyError } from '../../../lib/copy-lines.ts';
import { commandFor } from '../../api/command.ts';
import { asProblem, type Problem } from '../../api/problem.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { download } from '../../ui/download.ts';
import { ErrorBox } from '../../ui/error-box.tsx';
import { exportEvents } from './export-events.ts';
import { type AuditFilters, filterOptions, writeQuery } from './filters.ts';

interface ExportDialogProps {
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly filters: AuditFilters;
  readonly onClose: () => void;
}

type State =
  | { readonly is: 'idle' }
  | { readonly is: 'running'; readonly count: number; readonly hasBroken: boolean }
  | { readonly is: 'complete'; readonly count: number }
  | { readonly is: 'failed'; readonly problem: Problem };

/** Exports all events that match the filters. The file is saved only if it is complete. */
export function ExportDialog({ query, filters, onClose }: ExportDialogProps) {
  const [state, setState] = useState<State>({ is: 'idle' });
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const run = async () => {
    const controller = new AbortController();
    abort.current = controller;
    setState({ is: 'running', count: 0, hasBroken: false });
    const options = { ...query, to: query.to ?? new Date().toISOString() };
    try {
      const { file, count } = await exportEvents({
        query: options,
        signal: controller.signal,
        onProgress: (done) => setState({ is: 'running', count: done, hasBroken: false }),
        onBreak: (progress) => setState({ is: 'running', count: progress.count, hasBroken: true }),
      });
      download(`audit-${options.to.slice(0, 10)}.ndjson`, file);
      setState({ is: 'complete', count });
    } catch (error) {
      if (!controller.signal.aborted) setState({ is: 'failed', problem: problemOf(error) });
    }
  };
  const isFiltered = Object.keys(filters).length > 0;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      closeLabel="Close"
      title="Export the audit log"
      isDismissible={false}
      actions={
        <Button kind="primary" isRunning={state.is === 'running'} onClick={() => void run()}>
          {state.is === 'complete' ? 'Export again' : 'Export'}
        </Button>
      }
    >
      <p>
        {isFiltered ? 'All events that match the filters' : 'All events of the last year'}, as JSON lines, the oldest
        first. The file is saved only when every event has arrived.
      </p>
      <p aria-live="polite">
        {state.is === 'running' && `Reading: ${state.count.toLocaleString('en')} events so far…`}
        {state.is === 'running' && state.hasBroken && ' The stream broke and is continued after the last event.'}
        {state.is === 'complete' &&
          `The export is complete: ${state.count.toLocaleString('en')} ${state.count === 1 ? 'event' : 'events'}.`}
      </p>
      {state.is === 'failed' && <ErrorBox problem={state.problem} />}
      <CallHint
        call={{ method: 'get', path: `/v1/audit-events${writeQuery(query)}`, accept: 'application/x-ndjson' }}
        command={commandFor(['audit', 'export'], {
          ...filterOptions(filters),
          organization: query.organization_id,
          output: 'audit.ndjson',
        })}
      />
    </Dialog>
  );
}

function problemOf(error: unknown): Problem {
  if (!(error instanceof IncompleteCopyError)) return asProblem(error);
  const { count, last } = error.progress;
  const place = last
    ? `after ${count.toLocaleString('en')} events, the last one of ${last.at}`
    : 'before the first event';
  return {
    status: 0,
    title: 'The export is incomplete, so nothing was saved',
    detail: `The stream broke ${place}: ${error.message}.`,
  };
}
