import { useState } from 'react';
import { useLocation } from 'wouter';
import { useAction } from '../../api/action.ts';
import { fieldsCommand } from '../../api/command.ts';
import { organizationAddress } from '../../api/organization.ts';
import { Button } from '../../ui/button.tsx';
import { CallHint } from '../../ui/call-hint.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { RadioCardsField } from '../../ui/fields/radio-cards-field.tsx';
import { TextField } from '../../ui/fields/text-field.tsx';
import { Form } from '../../ui/form.tsx';
import { PROFILES, SUBJECTS } from '../organization/choices.ts';

/** Creates an organization, and leads to it. */
export function NewOrganization({ onClose }: { readonly onClose: () => void }) {
  const [, navigate] = useLocation();
  const [name, setName] = useState('');
  const [subject, setSubject] = useState<'client' | 'organization'>('client');
  const [profile, setProfile] = useState<'standard' | 'strict'>('standard');
  const body = { name, subject, security_profile: profile };
  const create = useAction({
    method: 'post',
    path: '/v1/organizations',
    body,
    invalidates: ['/v1/organizations'],
    success: 'The organization was created.',
    onDone: (answer) => {
      onClose();
      navigate(organizationAddress(answer.id));
    },
  });
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="New organization"
      isDismissible={false}
      actions={
        <Button kind="primary" isRunning={create.isRunning} onClick={() => void create.run()}>
          Create organization
        </Button>
      }
    >
      <Form onSubmit={() => create.run()} problem={create.problem}>
        <TextField
          name="/name"
          label="Name"
          help="For people. It is unique."
          value={name}
          onChange={setName}
          autoFocus
        />
        <RadioCardsField
          name="/subject"
          label="Subject of its tokens"
          value={subject}
          onChange={setSubject}
          options={SUBJECTS}
        />
        <RadioCardsField
          name="/security_profile"
          label="Security profile"
          value={profile}
          onChange={setProfile}
          options={PROFILES}
        />
      </Form>
      <CallHint
        call={{ method: 'post', path: '/v1/organizations', body }}
        command={fieldsCommand(['organizations', 'create'], body)}
      />
    </Dialog>
  );
}
