import { useQuery } from '@tanstack/react-query';
import { call } from '../../api/call.ts';
import type { Schema } from '../../api/types.ts';
import { LinkButton } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { delayAfter, type FirstToken, judgeFirstToken } from './first-token.ts';

/** Waits for the first token of a client, and says why a request for it was refused. It rests while the page is hidden. */
export function FirstTokenWatch({ clientId, href }: { readonly clientId: string; readonly href: string }) {
  const query = useQuery({
    queryKey: ['first-token', clientId],
    queryFn: ({ signal }) => look(clientId, signal),
    staleTime: 0,
    refetchInterval: ({ state: { data, dataUpdateCount, errorUpdateCount } }) =>
      data?.state === 'seen' ? false : delayAfter(dataUpdateCount + errorUpdateCount),
  });
  const state = query.data?.state ?? 'waiting';
  return (
    <div className={`new-client-watch new-client-watch-${state}`} role="status">
      {query.data?.state === 'seen' ? (
        <>
          <p>
            <Icon name="check" /> <strong>First token seen.</strong> The client works.
          </p>
          <LinkButton href={href} kind="primary">
            Open the client
          </LinkButton>
        </>
      ) : (
        <>
          <p>
            <span className="new-client-pulse" aria-hidden="true" /> Waiting for the first token…
          </p>
          {query.data?.state === 'refused' && (
            <div className="new-client-refusal">
              <p>
                <strong>A request was refused</strong> <code>{query.data.reason.reason}</code>
              </p>
              <p>
                <SafeText text={query.data.reason.meaning} /> <SafeText text={query.data.reason.next_step} />
              </p>
            </div>
          )}
          {query.error && !query.data && <p className="faint">The service does not answer. The page keeps asking.</p>}
        </>
      )}
    </div>
  );
}

async function look(clientId: string, signal: AbortSignal): Promise<FirstToken> {
  const params = { path: { client_id: clientId } };
  const usage = await call<{ readonly data: readonly Schema<'Usage'>[] }>({
    method: 'get',
    path: '/v1/clients/{client_id}/usage',
    params: { ...params, query: { limit: 1 } },
    signal,
  });
  const { data } = usage.body;
  const issued = judgeFirstToken(data, null);
  if (issued.state === 'seen') return issued;
  const diagnosis = await call<Schema<'Diagnosis'>>({
    method: 'get',
    path: '/v1/clients/{client_id}/diagnosis',
    params,
    signal,
  });
  return judgeFirstToken(data, diagnosis.body.summary);
}
