import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { commandFor } from '../../api/command.ts';
import { useOrganization } from '../../api/organization.ts';
import { asProblem } from '../../api/problem.ts';
import { useCan } from '../../api/session.tsx';
import { Button } from '../../ui/button.tsx';
import { CodeSamples } from '../../ui/code-samples.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { download } from '../../ui/download.ts';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { KeyValue } from '../../ui/key-value.tsx';
import { Page } from '../../ui/page.tsx';
import { Section } from '../../ui/section.tsx';
import { readDeclaration } from './read-declaration.ts';

const FILE = 'edgemint.yaml';
/** The longest file that is shown whole. A page with more is slow. */
const SHOWN_CHARACTERS = 200_000;

/** The current state of an organization, as the file that `edgemint apply` takes. */
export default function Export() {
  const organizationId = useOrganization();
  const mayRead = [useCan('resource-servers:read'), useCan('roles:read'), useCan('clients:read')].every(Boolean);
  const withWebhooks = useCan('webhooks:read');
  const [count, setCount] = useState(0);
  const query = useQuery({
    queryKey: ['export', organizationId, withWebhooks],
    queryFn: ({ signal }) => readDeclaration(organizationId, withWebhooks, setCount, signal),
    enabled: mayRead,
    // Another one is read on request.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
    retry: false,
  });
  const file = query.data;
  const save = (text: string) => download(FILE, new Blob([text], { type: 'application/yaml' }));
  const actions = file && !query.isFetching && (
    <>
      <Button onClick={() => void query.refetch()}>Read again</Button>
      <CopyButton value={file.text} label="Copy the file" text="Copy" />
      <Button kind="primary" onClick={() => save(file.text)}>
        Download {FILE}
      </Button>
    </>
  );
  const { resource_servers = 0, roles = 0, clients = 0, webhooks } = file?.counts ?? {};
  const isEmpty = resource_servers + roles + clients + (webhooks ?? 0) === 0;
  return (
    <Page
      title="Export"
      subtitle="The current state as a file: review changes in pull requests, and apply them by edgemint apply. It has no secrets."
      actions={actions}
    >
      {!mayRead && (
        <Empty title="You may not read everything that the file has">
          It requires the scopes resource-servers:read, roles:read and clients:read.
        </Empty>
      )}
      {query.error && <ErrorBox problem={asProblem(query.error)} retry={() => void query.refetch()} />}
      {query.isFetching && (
        <p aria-live="polite" className="faint">
          Reading: {count.toLocaleString('en')} items so far…
        </p>
      )}
      {file && !query.isFetching && (
        <>
          <Section title="Content">
            <KeyValue
              items={[
                { label: 'Resource servers', value: resource_servers.toLocaleString('en') },
                { label: 'Roles', value: roles.toLocaleString('en') },
                { label: 'Clients', value: clients.toLocaleString('en') },
                {
                  label: 'Webhooks',
                  value: webhooks?.toLocaleString('en') ?? 'Not included: reading them requires webhooks:read',
                },
              ]}
            />
          </Section>
          <Section title="File">
            {isEmpty ? (
              <Empty title="The organization owns nothing yet">
                Create a resource server and a client, and they appear here.
              </Empty>
            ) : (
              <CodeSamples samples={[{ label: FILE, language: 'yaml', code: shorten(file.text) }]} />
            )}
          </Section>
        </>
      )}
      <Section title="On the command line">
        <CodeSamples
          samples={[
            {
              label: 'Export',
              language: 'shell',
              code: commandFor(['export'], { file: FILE, organization: organizationId }),
            },
            {
              label: 'See differences',
              language: 'shell',
              code: commandFor(['apply'], {
                file: FILE,
                organization: organizationId,
                'dry-run': true,
                'exit-code': true,
              }),
            },
            {
              label: 'Apply',
              language: 'shell',
              code: commandFor(['apply'], { file: FILE, organization: organizationId }),
            },
          ]}
        />
      </Section>
    </Page>
  );
}

function shorten(text: string): string {
  if (text.length <= SHOWN_CHARACTERS) return text;
  return `${text.slice(0, text.lastIndexOf('\n', SHOWN_CHARACTERS))}\n# … ${(text.length - SHOWN_CHARACTERS).toLocaleString('en')} more characters: download the file`;
}
