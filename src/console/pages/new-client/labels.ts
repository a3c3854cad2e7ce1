import type { Binding, Method, Place } from './choose-method.ts';

export const PLACE_OPTIONS: readonly { readonly value: Place; readonly label: string; readonly help: string }[] = [
  { value: 'own', label: 'Our own server or device', help: 'A virtual machine, a server in our rack, a device.' },
  { value: 'kubernetes', label: 'Kubernetes', help: 'A pod with a service account.' },
  { value: 'github', label: 'GitHub Actions', help: 'A job of a workflow.' },
  { value: 'cloud', label: 'A cloud with workload identity', help: 'AWS, Google Cloud, Azure, or a SPIFFE mesh.' },
  { value: 'third_party', label: 'A third party', help: 'Somebody else runs it, and we cannot see how.' },
];

export const CERTIFICATE_OPTIONS = [
  { value: 'none', label: 'No' },
  { value: 'authority', label: 'Yes, of an authority', help: 'We issue and renew its certificates.' },
  { value: 'self_signed', label: 'Yes, self-signed', help: 'The certificate itself is registered here.' },
] as const;

export const METHOD_NAMES: Readonly<Record<Method, string>> = {
  federated_jwt: 'Its platform’s token',
  private_key_jwt: 'A private key',
  tls_client_auth: 'A certificate of an authority',
  self_signed_tls_client_auth: 'A self-signed certificate',
  client_secret_basic: 'A secret',
  client_secret_post: 'A secret in the form',
};

export const BINDING_NAMES: Readonly<Record<Binding, string>> = {
  none: 'Nothing: anyone with the token can use it',
  dpop: 'A key of the machine (DPoP)',
  certificate: 'The certificate of its connection',
};
