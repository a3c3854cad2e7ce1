import type { ReactNode } from 'react';
import { commandFor } from '../../api/command.ts';
import { LinkButton } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Section } from '../../ui/section.tsx';
import type { ShownClient } from '../grants/shown.ts';

interface OtherMethodsProps {
  readonly client: ShownClient;
  readonly address: string;
}

/** Says how a client without a secret changes its credential. */
export function OtherMethods({ client, address }: OtherMethodsProps) {
  const { client_id, token_endpoint_auth_method: method, jwks_uri } = client;
  const path = `/v1/clients/${encodeURIComponent(client_id)}`;
  return (
    <Section title="This client has no secret" description={`It authenticates by ${method}.`}>
      <ol className="rotate-instructions">{instructionsFor(method, jwks_uri !== null)}</ol>
      <LinkButton kind="primary" href={`${address}#credentials`}>
        See its credentials and their last use
      </LinkButton>
      {jwks_uri === null && (method === 'private_key_jwt' || method === 'self_signed_tls_client_auth') && (
        <CallHint
          call={{ method: 'patch', path, body: { jwks: { keys: ['the old key', 'the new key'] } } }}
          command={commandFor(['clients', 'update', client_id], { 'jwks-file': 'both-keys.json' })}
        />
      )}
    </Section>
  );
}

function instructionsFor(method: string, isPublished: boolean): ReactNode[] {
  if (method === 'federated_jwt') {
    return [
      <li key="platform">
        Its platform signs a new token for it all the time, and rotates its own keys. There is nothing to rotate here.
      </li>,
      <li key="move">If the workload moves, change its federated identity.</li>,
    ];
  }
  if (method === 'tls_client_auth') {
    return [
      <li key="renew">
        Renew the certificate with the same subject, and install it on the machine. Nothing changes here.
      </li>,
      <li key="subject">
        If the subject changes, change it here at the moment at which the machine changes its certificate.
      </li>,
    ];
  }
  if (isPublished) {
    return [
      <li key="publish">The machine publishes the new key beside the old one at its URL.</li>,
      <li key="sign">It signs with the new key. An unknown key is fetched at once.</li>,
      <li key="remove">
        When nobody signs with the old key any more, the machine removes it. Isolates may accept it for up to 20 minutes
        more.
      </li>,
    ];
  }
  return [
    <li key="both">Make a new key on the machine, and register its public half beside the old one.</li>,
    <li key="use">Let the machine use the new key. The credentials of the client show when each key was last used.</li>,
    <li key="one">Register the new key alone. The next request with the old key is refused.</li>,
  ];
}
