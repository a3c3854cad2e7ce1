import type { Option } from '../../ui/fields/select-field.tsx';

export const SUBJECTS: readonly Option<'client' | 'organization'>[] = [
  {
    value: 'client',
    label: 'The client',
    help: 'The claim sub names the machine, so an API tells the machines apart.',
  },
  {
    value: 'organization',
    label: 'The organization',
    help: 'The claim sub is the same in the tokens of all its clients.',
  },
];

export const PROFILES: readonly Option<'standard' | 'strict'>[] = [
  {
    value: 'standard',
    label: 'Standard',
    help: 'Clients may have secrets, keys, certificates or federated identities.',
  },
  {
    value: 'strict',
    label: 'Strict',
    help: 'No secrets, and only bound tokens that live 15 minutes: rules modelled on FAPI 2.0.',
  },
];
