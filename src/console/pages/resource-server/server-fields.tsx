import { DurationField } from '../../ui/fields/duration-field.tsx';
import { RadioCardsField } from '../../ui/fields/radio-cards-field.tsx';
import { SelectField } from '../../ui/fields/select-field.tsx';
import { TagsField } from '../../ui/fields/tags-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Section } from '../../ui/section.tsx';
import { ScopesEditor } from './scopes-editor.tsx';
import type { ServerDraft } from './server-draft.ts';
import './resource-server.css';

interface ServerFieldsProps {
  readonly draft: ServerDraft;
  readonly onChange: (changes: Partial<ServerDraft>) => void;
  /** Whether it exists: its identifier cannot be changed then. */
  readonly isExisting: boolean;
}

/** All fields of a resource server. */
export function ServerFields({ draft, onChange, isExisting }: ServerFieldsProps) {
  return (
    <>
      <Section title="The API">
        {!isExisting && (
          <TextField
            name="/identifier"
            label="Identifier"
            help="The audience (aud) of its tokens: a URI, or a name such as orders-service. It cannot be changed later."
            placeholder="https://api.example.com/orders"
            isCode
            value={draft.identifier}
            onChange={(identifier) => onChange({ identifier })}
          />
        )}
        <TextField
          name="/name"
          label="Name"
          help="A name for people."
          placeholder="Orders API"
          value={draft.name}
          onChange={(name) => onChange({ name })}
        />
      </Section>
      <Section
        title="Scopes"
        description="What can be granted at this API. A scope is printable ASCII without spaces, such as orders:read."
      >
        <ScopesEditor value={draft.scopes} onChange={(scopes) => onChange({ scopes })} />
        <RadioCardsField
          name="/scope_policy"
          label="A request for more scopes than the client has"
          value={draft.scope_policy}
          options={[
            { value: 'exact', label: 'is refused', help: 'invalid_scope names what is missing.' },
            {
              value: 'narrow',
              label: 'gets the granted ones',
              help: 'MCP clients need this: they request all scopes of a server.',
            },
          ]}
          onChange={(scope_policy) => onChange({ scope_policy })}
        />
      </Section>
      <Section title="Its tokens">
        <DurationField
          name="/access_token_ttl"
          label="Token lifetime"
          help="For clients that do not set one. Empty: one hour. Strict clients get at most 15 minutes."
          isRequired={false}
          value={draft.access_token_ttl}
          onChange={(access_token_ttl) => onChange({ access_token_ttl })}
        />
        <SelectField
          name="/signing_alg"
          label="Signing algorithm"
          help="RS256 only if a verifier knows nothing else. Strict clients get no tokens with it."
          value={draft.signing_alg}
          options={[
            { value: 'ES256', label: 'ES256' },
            { value: 'EdDSA', label: 'EdDSA' },
            { value: 'RS256', label: 'RS256' },
          ]}
          onChange={(signing_alg) => onChange({ signing_alg })}
        />
        <SelectField
          name="/access_token_typ"
          label="Type header (typ)"
          help="at+jwt tells access tokens apart from every other kind of JWT. JWT only if a verifier refuses it, as Spring Security does by default."
          value={draft.access_token_typ}
          options={[
            { value: 'at+jwt', label: 'at+jwt' },
            { value: 'JWT', label: 'JWT' },
          ]}
          onChange={(access_token_typ) => onChange({ access_token_typ })}
        />
        <RadioCardsField
          name="/introspection"
          label="Introspection sees a revocation"
          value={draft.introspection}
          options={[
            { value: 'strong', label: 'at once', help: 'strong: it asks the gate of the client.' },
            {
              value: 'edge',
              label: 'perhaps a minute or more later',
              help: 'edge: it reads the nearest copy, which is cheaper and quicker.',
            },
          ]}
          onChange={(introspection) => onChange({ introspection })}
        />
        <TagsField
          name="/accepted_claims"
          label="Accepted reserved claims"
          help="Claims such as groups, which common verifiers obey, that clients may set in its tokens. Accept one only if the API does not trust it, or may trust every administrator of a client."
          isRequired={false}
          placeholder="groups"
          value={draft.accepted_claims}
          onChange={(accepted_claims) => onChange({ accepted_claims })}
        />
      </Section>
    </>
  );
}
