import { useCallback, useEffect, useState } from 'react';
import { type Draft, readDraft } from './draft.ts';

const keyOf = (organizationId: string) => `edgemint-new-client:${organizationId}`;

// A private key that was pasted by mistake must not stay in the tab.
function withoutPrivateKey(draft: Draft): Draft {
  return /"(d|k)"\s*:|PRIVATE KEY/.test(draft.jwks) ? { ...draft, jwks: '' } : draft;
}

/** Keeps what is typed while another page is visited, such as the one that creates a resource server. It ends with the tab. */
export function useDraft(organizationId: string) {
  const [draft, setDraft] = useState<Draft>(() => readDraft(sessionStorage.getItem(keyOf(organizationId))));
  useEffect(
    () => sessionStorage.setItem(keyOf(organizationId), JSON.stringify(withoutPrivateKey(draft))),
    [draft, organizationId],
  );
  const change = useCallback((changes: Partial<Draft>) => setDraft((before) => ({ ...before, ...changes })), []);
  const clear = useCallback(() => sessionStorage.removeItem(keyOf(organizationId)), [organizationId]);
  return { draft, change, setDraft, clear };
}
