/** Who runs the machine, and where. */
export type Place = 'kubernetes' | 'github' | 'cloud' | 'own' | 'third_party';

/** The answers to the five questions. */
export interface Answers {
  readonly place: Place;
  readonly keepsKey: boolean;
  readonly certificate: 'none' | 'authority' | 'self_signed';
  /** Whether its library sends a secret in the form and can do nothing else. */
  readonly needsForm: boolean;
  /** Whether a stolen token must be worthless. */
  readonly isBound: boolean;
}

export const METHODS = [
  'federated_jwt',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'client_secret_basic',
  'client_secret_post',
] as const;
export type Method = (typeof METHODS)[number];

/** What binds a token to its holder. */
export type Binding = 'none' | 'dpop' | 'certificate';

export interface Choice {
  readonly method: Method;
  readonly binding: Binding;
}

export interface Recommendation extends Choice {
  /** Why this method, in a sentence for people. */
  readonly reason: string;
  /** What has to be done or known before it works. */
  readonly notes: readonly string[];
}

const STRICT_METHODS: readonly Method[] = ['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'];
const PLATFORMS: Partial<Record<Place, string>> = {
  kubernetes: 'Kubernetes',
  github: 'GitHub Actions',
  cloud: 'The cloud',
};

/** Returns the methods that a client of the organization may have. */
export function allowedMethods(isStrict: boolean): readonly Method[] {
  return isStrict ? STRICT_METHODS : METHODS;
}

export function usesSecret(method: Method): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post';
}

export function usesCertificate(method: Method): boolean {
  return method === 'tls_client_auth' || method === 'self_signed_tls_client_auth';
}

/**
 * Recommends how a machine should authenticate.
 * @param isStrict whether the organization has the strict profile, which refuses secrets and workload identities, and binds every token
 */
export function recommend(answers: Answers, isStrict = false): Recommendation {
  const { method, reason } = methodFor(answers, isStrict);
  const binding = bindingFor(method, answers.isBound || isStrict);
  return { method, binding, reason, notes: notesOn({ method, binding }, answers, isStrict) };
}

function methodFor(
  { place, keepsKey, certificate, needsForm }: Answers,
  isStrict: boolean,
): Pick<Recommendation, 'method' | 'reason'> {
  if (needsForm && !isStrict) {
    return {
      method: 'client_secret_post',
      reason:
        'Its library can only send a secret in the form. Replace the library when you can: a secret works for everybody who sees it.',
    };
  }
  const platform = PLATFORMS[place];
  if (platform !== undefined && !isStrict) {
    return {
      method: 'federated_jwt',
      reason: `${platform} vouches for the machine with a token of its own, so there is no credential to store, rotate or leak.`,
    };
  }
  if (certificate === 'authority') {
    return {
      method: 'tls_client_auth',
      reason:
        'Its certificate is of an authority that you trust and renews as it does today. It works only with its private key.',
    };
  }
  if (certificate === 'self_signed') {
    return {
      method: 'self_signed_tls_client_auth',
      reason: 'Its certificate is registered here, without an authority. It works only with its private key.',
    };
  }
  if (keepsKey || isStrict) {
    return {
      method: 'private_key_jwt',
      reason: 'The private key never leaves the machine, and each assertion that it signs is accepted once.',
    };
  }
  return {
    method: 'client_secret_basic',
    reason:
      'The machine has no platform, key or certificate, so a secret is what remains. It works until it is rotated.',
  };
}

/** Returns what binds the tokens of a method: a certificate if the client presents one anyway, and otherwise DPoP. */
export function bindingFor(method: Method, isBound: boolean): Binding {
  if (!isBound) return 'none';
  return usesCertificate(method) ? 'certificate' : 'dpop';
}

/** Returns what has to be done or known before a choice works, the recommended one or another. */
export function notesOn({ method, binding }: Choice, answers: Answers, isStrict = false): string[] {
  const notes: string[] = [];
  if (isStrict && !STRICT_METHODS.includes(method)) {
    notes.push('The organization has the strict profile, which refuses this method. Choose a key or a certificate.');
  }
  if (isStrict && answers.needsForm) {
    notes.push('The strict profile refuses secrets, so the machine needs a library that signs assertions.');
  }
  if (isStrict && !answers.keepsKey && method === 'private_key_jwt') {
    notes.push('The strict profile refuses everything that works without a private key, so the machine must keep one.');
  }
  if (isStrict && binding === 'none')
    notes.push('The strict profile refuses requests for tokens that are bound to nothing.');
  if (usesCertificate(method)) {
    notes.push('Enable mutual TLS for the host of the issuer at Cloudflare first. It needs a domain of your own.');
  }
  if (binding === 'dpop') {
    notes.push(
      'Each token request needs a DPoP proof, which edgemint-sdk makes and curl does not. Your APIs must check it.',
    );
  }
  if (binding === 'dpop' && method === 'client_secret_post') {
    notes.push('A library that can only send a form seldom makes DPoP proofs. Try it before you rely on it.');
  }
  if (binding === 'certificate') notes.push('Your APIs must compare the certificate of the connection with the token.');
  if (answers.place === 'third_party') {
    notes.push(
      usesSecret(method)
        ? 'Send the secret over a channel that keeps it from others, and let the client expire if the cooperation has an end.'
        : 'Ask the third party for its public key or the URL at which it publishes its keys. Nothing secret is exchanged.',
    );
  }
  return notes;
}
