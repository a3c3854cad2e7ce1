import { CodeSamples } from '../../ui/code-samples.tsx';
import { SelectField } from '../../ui/fields/select-field.tsx';
import { TextAreaField } from '../../ui/fields/text-area-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import type { Method } from './choose-method.ts';
import { type Draft, platformOf, SUBJECT_FIELDS, type SubjectField } from './draft.ts';
import { PLATFORMS, platformsAt } from './platforms.ts';
import { MAKE_KEY } from './snippets.ts';

interface CredentialFieldsProps {
  readonly draft: Draft;
  readonly method: Method;
  readonly onChange: (changes: Partial<Draft>) => void;
}

/** The fields by which a method recognises the client: its keys, the subject of its certificates, or its workload. */
export function CredentialFields({ draft, method, onChange }: CredentialFieldsProps) {
  if (method === 'federated_jwt') return <WorkloadFields draft={draft} onChange={onChange} />;
  if (method === 'tls_client_auth') return <SubjectFields draft={draft} onChange={onChange} />;
  return <KeyFields draft={draft} hasCertificates={method === 'self_signed_tls_client_auth'} onChange={onChange} />;
}

type PartProps = Omit<CredentialFieldsProps, 'method'>;

function WorkloadFields({ draft, onChange }: PartProps) {
  const platform = platformOf(draft);
  const platforms = platformsAt(draft.answers.place);
  return (
    <>
      {platforms.length > 1 && (
        <SelectField
          name="/platform"
          label="Platform"
          help="It gives the machine tokens that say what it is."
          value={platform}
          options={platforms.map((id) => ({ value: id, label: PLATFORMS[id].label }))}
          onChange={(chosen) => onChange({ platform: chosen, workload: {} })}
        />
      )}
      {PLATFORMS[platform].fields.map(({ name, label, help, example, isOptional }) => (
        <TextField
          key={`${platform} ${name}`}
          name={`/workload/${name}`}
          label={label}
          help={help}
          placeholder={example}
          isRequired={!isOptional}
          isCode
          value={draft.workload[name] ?? ''}
          onChange={(value) => onChange({ workload: { ...draft.workload, [name]: value } })}
        />
      ))}
    </>
  );
}

function SubjectFields({ draft, onChange }: PartProps) {
  return (
    <>
      <SelectField
        name="/subject_field"
        label="The certificate is recognised by its"
        value={draft.subjectField}
        options={(Object.keys(SUBJECT_FIELDS) as SubjectField[]).map((field) => ({
          value: field,
          label: SUBJECT_FIELDS[field],
        }))}
        onChange={(subjectField) => onChange({ subjectField })}
      />
      <TextField
        name={`/${draft.subjectField}`}
        label={SUBJECT_FIELDS[draft.subjectField]}
        help="Exactly as it is in the certificate, without wildcards."
        isCode
        value={draft.subject}
        onChange={(subject) => onChange({ subject })}
      />
    </>
  );
}

function KeyFields({ draft, hasCertificates, onChange }: PartProps & { readonly hasCertificates: boolean }) {
  return (
    <>
      <SelectField
        name="/keys_at"
        label="Its public keys"
        value={draft.keysAt}
        options={[
          { value: 'jwks', label: 'are registered here' },
          { value: 'jwks_uri', label: 'are published at a URL' },
        ]}
        onChange={(keysAt) => onChange({ keysAt })}
      />
      {draft.keysAt === 'jwks_uri' ? (
        <TextField
          name="/jwks_uri"
          label="URL of the keys"
          help="A public https URL. The machine then rotates its keys by itself."
          type="url"
          isCode
          placeholder="https://worker.example.com/jwks.json"
          value={draft.jwksUri}
          onChange={(jwksUri) => onChange({ jwksUri })}
        />
      ) : (
        <TextAreaField
          name="/jwks"
          label="Public keys (JWK Set)"
          help={
            hasCertificates
              ? 'Each key has its certificate in x5c: the base64 of its DER.'
              : 'Only the public half. The private key stays on the machine.'
          }
          isCode
          rows={6}
          placeholder={'{"keys": [{"kty": "EC", "crv": "P-256", "kid": "2026-11", "x": "…", "y": "…"}]}'}
          value={draft.jwks}
          onChange={(jwks) => onChange({ jwks })}
        />
      )}
      {!hasCertificates && draft.keysAt === 'jwks' && (
        <details className="new-client-override">
          <summary>How to make a key on the machine</summary>
          <p className="field-help">
            Save this as make-key.mts in a folder with jose (npm install jose), and run node make-key.mts &gt;
            public.json. Paste public.json here.
          </p>
          <CodeSamples samples={[{ label: 'make-key.mts', language: 'ts', code: MAKE_KEY }]} />
        </details>
      )}
    </>
  );
}
