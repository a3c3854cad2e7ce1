import { type ReactNode, useState } from 'react';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import type { Problem } from '../../api/problem.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { TextAreaField } from '../../ui/fields/text-area-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Form } from '../../ui/form.tsx';
import type { Client } from '../clients/words.ts';
import { clientPath } from './address.ts';
import { patchWithKeys, patchWithWorkload, readKeys } from './credential-patches.ts';

interface AddDialogProps {
  readonly client: Client;
  readonly etag: string | undefined;
  readonly onClose: () => void;
}

/** Registers public keys, or certificates in keys. */
export function AddKeyDialog({ client, etag, onClose }: AddDialogProps) {
  const [before] = useState({ client, etag });
  const [text, setText] = useState('');
  const pasted = readKeys(text);
  const patch = 'keys' in pasted ? patchWithKeys(before.client, pasted.keys) : undefined;
  return (
    <PatchDialog
      before={before}
      title="Add a key"
      description="The machine keeps the private key and signs with it. A key with its certificate in `x5c` is for mutual TLS."
      patch={patch}
      fault={'fault' in pasted ? { pointer: '/jwks', detail: pasted.fault } : undefined}
      onClose={onClose}
    >
      <TextAreaField
        name="/jwks"
        label="Public key"
        isCode
        rows={8}
        help="A JWK or a JWK Set, as JSON. A private key is not sent."
        value={text}
        onChange={setText}
      />
    </PatchDialog>
  );
}

/** Lets a workload be the client, by the tokens that its platform issues to it. */
export function AddWorkloadDialog({ client, etag, onClose }: AddDialogProps) {
  const [before] = useState({ client, etag });
  const [fields, setFields] = useState({ issuer: '', subject: '', audience: '', claims: '' });
  const result = patchWithWorkload(before.client, fields);
  const at = `/federated_identities/${before.client.federated_identities.length}`;
  return (
    <PatchDialog
      before={before}
      title="Add a workload"
      description="A pod, a CI job or a cloud function is this client, if its platform’s token matches all of these."
      patch={'patch' in result ? result.patch : undefined}
      fault={'fault' in result ? { pointer: `${at}/claims`, detail: result.fault } : undefined}
      onClose={onClose}
    >
      <TextField
        name={`${at}/issuer`}
        label="Issuer"
        placeholder="https://token.actions.githubusercontent.com"
        help="The `iss` of its tokens: an https URL, or a SPIFFE trust domain."
        value={fields.issuer}
        onChange={(issuer) => setFields({ ...fields, issuer })}
      />
      <TextField
        name={`${at}/subject`}
        label="Subject"
        isRequired={false}
        placeholder="system:serviceaccount:shop:worker"
        help="The `sub`. `*` matches any characters. Empty: any subject, so set a condition on claims then."
        value={fields.subject}
        onChange={(subject) => setFields({ ...fields, subject })}
      />
      <TextField
        name={`${at}/audience`}
        label="Audience"
        isRequired={false}
        help="The `aud`. Empty: the issuer of this service."
        value={fields.audience}
        onChange={(audience) => setFields({ ...fields, audience })}
      />
      <TextAreaField
        name={`${at}/claims`}
        label="Conditions on other claims"
        isRequired={false}
        isCode
        rows={3}
        placeholder={'{"repository_id": "74", "ref": "refs/heads/main"}'}
        value={fields.claims}
        onChange={(claims) => setFields({ ...fields, claims })}
      />
    </PatchDialog>
  );
}

interface PatchDialogProps {
  readonly before: { readonly client: Client; readonly etag: string | undefined };
  readonly title: string;
  readonly description: string;
  readonly patch: Readonly<Record<string, unknown>> | undefined;
  /** What is wrong with the form, shown when it is sent. */
  readonly fault: { readonly pointer: string; readonly detail: string } | undefined;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

function PatchDialog({ before, title, description, patch, fault, onClose, children }: PatchDialogProps) {
  const { client_id } = before.client;
  const [isSent, setSent] = useState(false);
  const action = useAction({
    method: 'patch',
    path: '/v1/clients/{client_id}',
    params: { path: { client_id } },
    etag: before.etag,
    invalidates: ['/v1/clients'],
    success: 'The credential is added.',
    onDone: onClose,
    onReload: onClose,
  });
  const problem: Problem | undefined =
    isSent && fault ? { status: 422, title: 'Validation failed', errors: [fault] } : action.problem;
  const save = () => {
    setSent(true);
    return patch && action.run({ body: patch });
  };
  const isNewMethod = patch !== undefined && 'additional_auth_methods' in patch;
  return (
    <Dialog
      isOpen
      isDismissible={false}
      onClose={onClose}
      title={title}
      description={description}
      actions={
        <Button kind="primary" isRunning={action.isRunning} onClick={() => void save()}>
          Add
        </Button>
      }
    >
      <Form onSubmit={save} problem={problem}>
        {children}
      </Form>
      {isNewMethod && <p className="faint">The client may then authenticate this way besides its other methods.</p>}
      {patch && (
        <CallHint
          call={{
            method: 'patch',
            path: clientPath(client_id),
            body: patch,
            ...(before.etag && { ifMatch: before.etag }),
          }}
          command={fieldsCommand(['clients', 'update', client_id], patch, { 'if-match': before.etag })}
        />
      )}
    </Dialog>
  );
}
