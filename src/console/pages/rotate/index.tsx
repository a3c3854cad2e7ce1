import { useState } from 'react';
import { useParams } from 'wouter';
import { organizationAddress, useOrganization } from '../../api/organization.ts';
import { useResource } from '../../api/queries.ts';
import type { Schema } from '../../api/types.ts';
import { ErrorBox } from '../../ui/error-box.tsx';
import { Page } from '../../ui/page.tsx';
import { visible } from '../../ui/safe-text.tsx';
import { SecretOnce } from '../../ui/secret-once.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { type ShownClient, shownClient } from '../grants/shown.ts';
import { OtherMethods } from './other-methods.tsx';
import { rotationOf, usesSecret } from './rotation.ts';
import { Cancelled, CreateStep, ReplaceSteps } from './step-panels.tsx';
import { Steps } from './steps.tsx';
import './rotate.css';

/** How often the last uses are read again, in milliseconds. They are accurate to the hour, so more often would show nothing more. */
const WATCH_MS = 5000;

/** Leads through a rotation. Where it stands is read from the server alone, so it can be left and resumed at any step. */
export default function RotatePage() {
  const { clientId = '' } = useParams<{ clientId: string }>();
  const organizationId = useOrganization();
  const address = organizationAddress(organizationId, `/clients/${encodeURIComponent(clientId)}`);
  const params = { path: { client_id: clientId } };
  const client = useResource('/v1/clients/{client_id}', params);
  const hasSecrets = client.data !== undefined && usesSecret(shownClient(client.data));
  const secrets = useResource('/v1/clients/{client_id}/secrets', params, {
    enabled: hasSecrets,
    refetchInterval: WATCH_MS,
  });
  const [created, setCreated] = useState<Schema<'CreatedSecret'>>();
  const problem = client.error ?? secrets.error;
  const name = client.data?.client_name;
  return (
    <Page
      title={name === undefined ? 'Rotate the secret' : `Rotate the secret of ${visible(name)}`}
      subtitle="Two secrets are accepted at once, so nothing is interrupted. You can leave at any step and come back."
      breadcrumbs={[
        { label: 'Clients', href: organizationAddress(organizationId, '/clients') },
        { label: name ?? clientId, href: address },
      ]}
    >
      {problem && (
        <ErrorBox
          problem={problem}
          retry={() => {
            client.refetch();
            secrets.refetch();
          }}
        />
      )}
      {!problem && (!client.data || (hasSecrets && !secrets.data)) && <Skeleton lines={4} />}
      {client.data && !hasSecrets && <OtherMethods client={shownClient(client.data)} address={address} />}
      {client.data && secrets.data && (
        <Rotation
          client={shownClient(client.data)}
          secrets={secrets.data.data}
          created={created}
          onCreated={setCreated}
          address={address}
        />
      )}
    </Page>
  );
}

interface RotationProps {
  readonly client: ShownClient;
  readonly secrets: readonly Schema<'Secret'>[];
  /** The secret that this page created, which it can still show. */
  readonly created: Schema<'CreatedSecret'> | undefined;
  readonly onCreated: (created: Schema<'CreatedSecret'> | undefined) => void;
  readonly address: string;
}

function Rotation({ client, secrets, created, onCreated, address }: RotationProps) {
  const rotation = rotationOf(secrets);
  const shown = created?.id === rotation.current?.id ? created : undefined;
  // Before the list is read again, which the end of the session may prevent.
  if (created && !secrets.some(({ id }) => id === created.id)) {
    return <SecretOnce label="New client secret" value={created.client_secret} />;
  }
  if (rotation.step === 'cancelled') return <Cancelled client={client} rotation={rotation} address={address} />;
  return (
    <>
      <Steps current={rotation.step} />
      {rotation.step === 'create' ? (
        <CreateStep client={client} rotation={rotation} onCreated={onCreated} address={address} />
      ) : (
        <ReplaceSteps client={client} rotation={rotation} created={shown} address={address} />
      )}
    </>
  );
}
