import { useState } from 'react';
import { shellWord } from '../../../lib/shell-word.ts';
import { ISSUER_URL } from '../../api/address.ts';
import { commandFor } from '../../api/command.ts';
import { asProblem, type Problem } from '../../api/problem.ts';
import { useList } from '../../api/queries.ts';
import { useCan } from '../../api/session.tsx';
import { Badge } from '../../ui/badge.tsx';
import { Button } from '../../ui/button.tsx';
import { CodeSamples } from '../../ui/code-samples.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { ErrorBox } from '../../ui/error-box.tsx';
import { MultiComboboxField } from '../../ui/fields/multi-combobox-field.tsx';
import { SelectField } from '../../ui/fields/select-field.tsx';
import { TextAreaField } from '../../ui/fields/text-area-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Form, FormActions } from '../../ui/form.tsx';
import { SafeLines } from '../../ui/safe-lines.tsx';
import { SafeText } from '../../ui/safe-text.tsx';
import { Section } from '../../ui/section.tsx';
import { Time } from '../../ui/time.tsx';
import type { Client } from '../clients/words.ts';
import { decodeToken, TIME_CLAIMS } from './decoded-token.ts';
import { type TabProps, usesSecret } from './tab.ts';
import {
  type Credential,
  introspectToken,
  type OAuthAnswer,
  requestToken,
  revokeOwnToken,
  revokeToken,
} from './token-requests.ts';

interface Issued {
  readonly token: string;
  /** Kept only if the token can be revoked in no other way. */
  readonly secret: string | undefined;
}

/** Gets a token as the client, decodes, introspects and revokes it. */
export function TestTokenTab({ client }: TabProps) {
  const mayRevoke = useCan('tokens:revoke');
  const [issued, setIssued] = useState<Issued>();
  if (!canBeTried(client)) {
    return (
      <Section title="Test token">
        <Empty title="It authenticates with a certificate">
          A certificate belongs to the connection, and this page cannot present one. Try it on the machine, and see the
          result in <a href="#diagnosis">Diagnosis</a>.
        </Empty>
      </Section>
    );
  }
  const keep = (token: string, credential: Credential) =>
    setIssued({ token, secret: !mayRevoke && credential.kind === 'secret' ? credential.secret : undefined });
  return (
    <Section
      title="Test token"
      description="A test token is a real one: it counts as a use of the client, in its usage and its quota, and its scopes count as used."
    >
      {issued ? (
        <IssuedToken client={client} issued={issued} onEnd={() => setIssued(undefined)} />
      ) : (
        <RequestForm client={client} onIssued={keep} />
      )}
    </Section>
  );
}

/** Whether a page can authenticate as the client: with a text, not with the connection. */
function canBeTried({ token_endpoint_auth_method, additional_auth_methods }: Client): boolean {
  return [token_endpoint_auth_method, ...additional_auth_methods].some((method) => !method.endsWith('tls_client_auth'));
}

interface RequestFormProps {
  readonly client: Client;
  readonly onIssued: (token: string, credential: Credential) => void;
}

function RequestForm({ client, onIssued }: RequestFormProps) {
  const { client_id } = client;
  const hasSecret = usesSecret(client);
  const granted = useList('/v1/clients/{client_id}/effective-scopes', { path: { client_id } });
  const [credential, setCredential] = useState('');
  const [resource, setResource] = useState('');
  const [scopes, setScopes] = useState<readonly string[]>([]);
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const servers = granted.rows.map(({ resource_server }) => resource_server);
  const target =
    granted.rows.find(({ resource_server }) => resource_server === (resource || client.default_resource)) ??
    granted.rows[0];
  const parameters = { ...(resource && { resource }), ...(scopes.length > 0 && { scope: scopes.join(' ') }) };
  const field = hasSecret ? '/client_secret' : '/client_assertion';

  const request = async () => {
    if (credential.trim() === '') {
      const detail = hasSecret ? 'Paste the secret of the client.' : 'Paste a signed assertion.';
      return setProblem({ status: 422, title: 'Validation failed', errors: [{ pointer: field, detail }] });
    }
    const used: Credential = hasSecret
      ? { kind: 'secret', secret: credential.trim() }
      : { kind: 'assertion', assertion: credential.trim() };
    setRunning(true);
    setProblem(undefined);
    try {
      const answer = await requestToken(client_id, used, parameters);
      const token = answer.body.access_token;
      if (typeof token === 'string') onIssued(token, used);
      else setProblem(refusalOf(answer));
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setRunning(false);
    }
  };

  return (
    <>
      <Form onSubmit={request} problem={problem}>
        {hasSecret ? (
          <TextField
            name={field}
            label="Client secret"
            type="password"
            isCode
            help="The service has only its hash. What you paste stays in the memory of this page, and is forgotten when you leave it."
            value={credential}
            onChange={setCredential}
          />
        ) : (
          <TextAreaField
            name={field}
            label="Client assertion"
            isCode
            help="A JWT that the machine signed with its key, or the token of the workload’s platform. It is accepted once."
            value={credential}
            onChange={setCredential}
          />
        )}
        <SelectField
          name="/resource"
          label="Resource server"
          options={[
            { value: '', label: 'None named: its default' },
            ...servers.map((value) => ({ value, label: value })),
          ]}
          value={resource}
          onChange={(chosen) => {
            setResource(chosen);
            setScopes([]);
          }}
        />
        <MultiComboboxField
          name="/scope"
          label="Scopes"
          isRequired={false}
          help="None: all that it is granted there."
          options={(target?.scopes ?? []).map(({ name }) => ({ value: name, label: name }))}
          value={scopes}
          onChange={setScopes}
        />
        <FormActions>
          <Button type="submit" kind="primary" isRunning={isRunning}>
            Get a token
          </Button>
        </FormActions>
      </Form>
      {problem && problem.status !== 422 && (
        <p>
          <a href="#diagnosis">Find out why it is refused</a>
        </p>
      )}
      <details className="call-hint">
        <summary>Do this with curl or edgemint</summary>
        <CodeSamples samples={samplesOf(client_id, hasSecret, parameters)} />
      </details>
    </>
  );
}

/** Returns the problem of a refused token request: the code, and what the service says about it. */
function refusalOf({ status, body }: OAuthAnswer): Problem {
  const { error, error_description } = body;
  return {
    status,
    title: typeof error === 'string' ? `Refused: ${error}` : `The service answered ${status}`,
    ...(typeof error_description === 'string' && { detail: error_description }),
  };
}

function samplesOf(clientId: string, hasSecret: boolean, parameters: Readonly<Record<string, string>>) {
  const form = Object.entries(parameters).map(([name, value]) => `--data-urlencode ${shellWord(`${name}=${value}`)}`);
  const authentication = hasSecret
    ? [
        `--data-urlencode ${shellWord(`client_id=${clientId}`)}`,
        '--data-urlencode "client_secret=$EDGEMINT_CLIENT_SECRET"',
      ]
    : [
        `--data-urlencode ${shellWord(`client_id=${clientId}`)}`,
        '-d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        '--data-urlencode "client_assertion=$ASSERTION"',
      ];
  const curl = [
    `curl ${shellWord(`${ISSUER_URL}/oauth2/token`)}`,
    '-d grant_type=client_credentials',
    ...authentication,
    ...form,
  ];
  const command = `EDGEMINT_CLIENT_ID=${shellWord(clientId)} ${commandFor(['tokens', 'issue'], parameters)}`;
  return [
    // It asks for the secret. It signs no assertions.
    ...(hasSecret ? [{ label: 'edgemint', language: 'shell', code: command }] : []),
    { label: 'curl', language: 'shell', code: curl.join(' \\\n  ') },
  ];
}

interface IssuedTokenProps {
  readonly client: Client;
  readonly issued: Issued;
  readonly onEnd: () => void;
}

type Introspection =
  | { readonly kind: 'answer'; readonly at: number; readonly answer: OAuthAnswer }
  | { readonly kind: 'failed'; readonly problem: Problem };

function IssuedToken({ client: { client_id }, issued: { token, secret }, onEnd }: IssuedTokenProps) {
  const mayIntrospect = useCan('tokens:introspect');
  const mayRevoke = useCan('tokens:revoke');
  const decoded = decodeToken(token);
  const [introspections, setIntrospections] = useState<readonly Introspection[]>([]);
  const [running, setRunning] = useState<'introspect' | 'revoke'>();
  const [isRevoked, setRevoked] = useState(false);
  const [problem, setProblem] = useState<Problem>();

  const introspect = async () => {
    setRunning('introspect');
    const introspection = await introspectToken(token).then(
      (answer): Introspection =>
        answer.status === 200
          ? { kind: 'answer', at: Date.now(), answer }
          : { kind: 'failed', problem: refusalOf(answer) },
      (error): Introspection => ({ kind: 'failed', problem: asProblem(error) }),
    );
    setIntrospections((all) => [introspection, ...all]);
    setRunning(undefined);
  };
  const revoke = async () => {
    setRunning('revoke');
    setProblem(undefined);
    try {
      if (mayRevoke) await revokeToken(token);
      else if (secret !== undefined) {
        const answer = await revokeOwnToken(client_id, secret, token);
        if (answer.status !== 200) return setProblem(refusalOf(answer));
      }
      setRevoked(true);
      if (mayIntrospect) await introspect();
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setRunning(undefined);
    }
  };

  return (
    <div className="client-token">
      <div className="client-token-actions">
        {mayIntrospect && (
          <Button isRunning={running === 'introspect'} onClick={() => void introspect()}>
            Introspect
          </Button>
        )}
        {(mayRevoke || secret !== undefined) && (
          <Button kind="danger" disabled={isRevoked} isRunning={running === 'revoke'} onClick={() => void revoke()}>
            Revoke
          </Button>
        )}
        <CopyButton value={token} label="Copy the token" text="Copy the token" />
        <Button kind="quiet" onClick={onEnd}>
          Get another token
        </Button>
      </div>
      {problem && <ErrorBox problem={problem} />}
      {isRevoked && <p role="status">The token is revoked.</p>}
      {introspections.map((introspection, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the newest comes first, so the place from the end identifies it.
        <IntrospectionResult key={introspections.length - index} introspection={introspection} />
      ))}
      {decoded ? (
        <>
          <Claims title="Header" members={decoded.header} />
          <Claims title="Claims" members={decoded.claims} />
        </>
      ) : (
        <p>The token is not a JWT.</p>
      )}
    </div>
  );
}

function IntrospectionResult({ introspection }: { readonly introspection: Introspection }) {
  if (introspection.kind === 'failed') return <ErrorBox problem={introspection.problem} />;
  const { answer, at } = introspection;
  const isActive = answer.body.active === true;
  return (
    <div className="client-introspection" role="status">
      <p>
        Introspection <Time at={new Date(at).toISOString()} />:{' '}
        <Badge tone={isActive ? 'good' : 'bad'}>active: {String(isActive)}</Badge>
      </p>
      <details>
        <summary>The answer</summary>
        <pre>
          <SafeLines text={JSON.stringify(answer.body, null, 2)} />
        </pre>
      </details>
    </div>
  );
}

function Claims({ title, members }: { readonly title: string; readonly members: Readonly<Record<string, unknown>> }) {
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <dl className="key-value">
        {Object.entries(members).map(([name, value]) => (
          <div key={name}>
            <dt>
              <code>
                <SafeText text={name} />
              </code>
            </dt>
            <dd>
              <code>
                <SafeText text={JSON.stringify(value)} />
              </code>{' '}
              {TIME_CLAIMS.includes(name) && typeof value === 'number' && (
                <span className="faint">
                  <Time at={new Date(value * 1000).toISOString()} />
                </span>
              )}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
