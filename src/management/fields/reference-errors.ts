import { ERRORS_SHOWN, SCOPES_SHOWN } from '../constants.ts';
import { type FieldError, pointer } from '../http/problem.ts';

// These do not repeat the reference: the answer to the id of another organization must not contain that id.
export const UNKNOWN = {
  resource_server: 'Unknown resource server. Use the identifier or id of a shared one or of one of this organization.',
  role: 'Unknown role. Use the name or id of a role of this organization or of a shared role.',
} as const;
export type Kind = keyof typeof UNKNOWN;

interface ScopedServer {
  readonly identifier: string;
  readonly scopes: ReadonlySet<string>;
}

/**
 * Collects the errors about a body's references. A body of 32 KiB can name thousands of unknown scopes at a resource server that has a
 * thousand, so only the first `ERRORS_SHOWN` errors are built, and the scopes of a resource server are listed once.
 */
export class ReferenceErrors {
  readonly list: FieldError[] = [];
  readonly #available = new Map<ReadonlySet<string>, string>();
  readonly #listsScopes: boolean;

  /** @param listsScopes whether the administrator may read the scopes of resource servers */
  constructor(listsScopes: boolean) {
    this.#listsScopes = listsScopes;
  }

  add(detail: string, ...path: PropertyKey[]): void {
    if (!this.#isFull) this.list.push({ pointer: pointer(...path), detail });
  }

  addUnknownScope(scope: string, server: ScopedServer, ...path: PropertyKey[]): void {
    if (this.#isFull) return;
    const available = this.#listsScopes ? ` Available: ${this.#listAvailable(server.scopes)}.` : '';
    this.add(`Unknown scope \`${scope}\` at \`${server.identifier}\`.${available}`, ...path);
  }

  #listAvailable(scopes: ReadonlySet<string>): string {
    const available = this.#available.get(scopes) ?? describeScopes(scopes);
    this.#available.set(scopes, available);
    return available;
  }

  get #isFull(): boolean {
    return this.list.length >= ERRORS_SHOWN;
  }
}

function describeScopes(scopes: ReadonlySet<string>): string {
  const shown = [...scopes].sort().slice(0, SCOPES_SHOWN).join(', ') || 'none';
  const others = scopes.size - SCOPES_SHOWN;
  return `${shown}${others > 0 ? ` and ${others} more` : ''}`;
}
