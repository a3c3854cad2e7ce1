import { ACCESS_TOKEN_TTL_MAX } from '../../../constants.ts';
import { isImportableId } from '../../../credentials/importable-id.ts';
import type { SecretReference } from '../../../declaration/imported.ts';
import { identityOf } from '../../../declaration/item.ts';
import { comparableForm, isIdentifier } from '../../../lib/identifier.ts';
import type { JsonObject } from '../../../lib/json.ts';
import { Redacted } from '../../../log/redacted.ts';
import {
  ACCESS_TOKEN_TTL_MIN,
  METADATA_NAME_LENGTH_MAX,
  METADATA_VALUE_LENGTH_MAX,
  NAME_LENGTH_MAX,
  SCOPE_NAME_LENGTH_MAX,
} from '../../../management/constants.ts';
import { ImportedCredentials } from '../../../management/fields/imported-credentials.ts';
import { Description, Name } from '../../../management/fields/schemas.ts';
import { isScopeToken } from '../../../tokens/names.ts';
import type { Grant } from '../representations.ts';
import { isEncryptionKey, keyFault } from './keys.ts';
import { objectOf, objectsOf } from './reading.ts';
import type { Note, Outcome, Report } from './report.ts';

export interface ImportOptions {
  /** The audience of clients whose export names none. */
  readonly audience?: string | undefined;
  /** The folder of the files with secrets, beside the declaration. Without it, secrets are in variables. */
  readonly secretsFolder?: string | undefined;
  /** Whether clients whose secret is not in the export get a new one. */
  readonly newSecrets?: boolean | undefined;
}

/** A declaration that was made from an export. */
export interface Draft {
  readonly declaration: { readonly resource_servers: readonly object[]; readonly clients: readonly object[] };
  /** The secrets that the export contains, by the references to them. */
  readonly secrets: readonly { readonly reference: SecretReference; readonly value: Redacted }[];
  readonly report: Report;
  /** Whether texts contain variables, which `apply --substitute` replaces. */
  readonly hasVariables: boolean;
}

interface ServerFields {
  readonly name?: string | undefined;
  /** Seconds. */
  readonly lifetime?: number | undefined;
  readonly signing_alg?: string | undefined;
  readonly access_token_typ?: 'JWT' | 'at+jwt' | undefined;
  readonly accepted_claims?: readonly string[];
}

interface Scope {
  readonly name: string;
  readonly description?: string | undefined;
}

/** A machine of an export. */
export interface Machine {
  readonly id: string | undefined;
  readonly name: string;
  readonly description?: string | undefined;
  readonly owner?: string | undefined;
  /** How it authenticates, by the names of OpenID Connect and RFC 8705. */
  readonly method: string;
  readonly secret?: string | undefined;
  readonly jwks?: unknown;
  readonly jwks_uri?: string | undefined;
  readonly grants: readonly Grant[];
  readonly default_resource?: string | undefined;
  /** Seconds. */
  readonly lifetime?: number | undefined;
  readonly claims?: JsonObject;
  readonly metadata?: JsonObject;
  readonly isEnabled?: boolean;
  /** Further fields, as a declaration has them. */
  readonly fields?: JsonObject;
}

interface Server {
  readonly fields: ServerFields;
  readonly scopes: Map<string, Scope>;
  readonly acceptedClaims: Set<string>;
}

const SECRET_METHODS = ['client_secret_basic', 'client_secret_post'];
/** What exports have in place of a secret. */
const MASKED = /^(?:\*+|_VALUE_NOT_SHOWN_)$/;
const KEY_METHODS = ['private_key_jwt', 'self_signed_tls_client_auth'];

/** Collects what an importer finds, applies the rules of this service to it, and notes each difference. */
export class Drafting {
  readonly #options: ImportOptions;
  readonly #notes: Note[] = [];
  readonly #servers = new Map<string, Server>();
  readonly #identifiers = new Map<string, string>();
  readonly #clients: object[] = [];
  readonly #secrets: { reference: SecretReference; value: Redacted }[] = [];
  readonly #names = new Set<string>();
  readonly #ids = new Set<string>();
  readonly #places = new Set<string>();
  readonly #issuers = new Set<string>();
  hasVariables = false;

  constructor(options: ImportOptions) {
    this.#options = options;
  }

  get audience(): string | undefined {
    return this.#options.audience;
  }

  note(outcome: Outcome, subject: string, text: string): void {
    this.#notes.push({ outcome, subject, text });
  }

  /** Notes an issuer that verifiers trust today. */
  issuer(issuer: string): void {
    this.#issuers.add(issuer);
  }

  /**
   * Adds a resource server, or scopes to the one that has the identifier.
   * @returns its identifier, in the spelling that was seen first; undefined if it cannot be one
   */
  server(identifier: string, scopes: readonly Scope[] = [], fields: ServerFields = {}): string | undefined {
    const subject = `resource server ${identifier}`;
    const hasVariable = this.hasVariables && identifier.includes('${');
    if (!hasVariable && !isIdentifier(identifier)) {
      this.note('by_hand', subject, 'Its identifier cannot be one here: choose another, and tell its verifiers.');
      return undefined;
    }
    const form = hasVariable ? identifier : comparableForm(identifier);
    const known = this.#identifiers.get(form) ?? identifier;
    if (known !== identifier) {
      this.note('changed', subject, `Some verifiers take it for ${known}, so both are one, under that identifier.`);
    }
    const server = this.#servers.get(known) ?? { fields, scopes: new Map(), acceptedClaims: new Set() };
    this.#noteDifferences(subject, server.fields, fields);
    for (const claim of fields.accepted_claims ?? []) server.acceptedClaims.add(claim);
    this.#identifiers.set(form, known);
    this.#servers.set(known, server);
    for (const scope of scopes) {
      if (isScopeToken(scope.name) && scope.name.length <= SCOPE_NAME_LENGTH_MAX) {
        const current = server.scopes.get(scope.name);
        if (!current?.description) server.scopes.set(scope.name, scope);
      } else this.note('left_out', `${subject}, scope ${scope.name}`, 'Its name cannot be that of a scope.');
    }
    return known;
  }

  /** Notes the fields of a resource server that differ between the clients or APIs that have it: the first ones are kept. */
  #noteDifferences(subject: string, kept: ServerFields, others: ServerFields): void {
    const note = (what: string, value: string | number, first: string | number) =>
      this.note('changed', subject, `Some of its tokens had ${what} ${value}. Here all have ${first}.`);
    if (others.signing_alg !== undefined && others.signing_alg !== (kept.signing_alg ?? 'RS256'))
      note('the algorithm', others.signing_alg, kept.signing_alg ?? 'RS256');
    if (others.access_token_typ !== undefined && others.access_token_typ !== (kept.access_token_typ ?? 'JWT'))
      note('the type', others.access_token_typ, kept.access_token_typ ?? 'JWT');
    if (others.lifetime !== undefined && others.lifetime !== kept.lifetime)
      note('a lifetime in seconds of', others.lifetime, kept.lifetime ?? 'that of this service');
  }

  hasServer(identifier: string): boolean {
    return this.#servers.has(identifier);
  }

  scopesOf(identifier: string): string[] {
    return [...(this.#servers.get(identifier)?.scopes.keys() ?? [])];
  }

  /** Notes grant types that only people use, if a machine has any. */
  grantTypes(subject: string, types: readonly string[]): void {
    const others = types.filter((type) => !/client[_-]credentials$/.test(type));
    if (others.length > 0) this.note('changed', subject, `No machine uses its grant types ${others.join(', ')}.`);
  }

  client(machine: Machine): void {
    const client_name = this.#uniqueName(machine.name);
    const subject = `client ${client_name}`;
    const { method } = machine;
    const usesSecret = SECRET_METHODS.includes(method);
    const jwks = usesSecret ? undefined : this.#keys(subject, machine.jwks);
    const jwks_uri = machine.jwks === undefined ? machine.jwks_uri : undefined;
    const hasKey = method === 'self_signed_tls_client_auth' ? jwks?.keys.some(({ x5c }) => x5c) : jwks;
    const lacksKey = KEY_METHODS.includes(method) && !hasKey && jwks_uri === undefined;
    const lacksSubject =
      method === 'tls_client_auth' &&
      Object.keys(machine.fields ?? {}).every((name) => !name.startsWith('tls_client_auth_'));
    if (!usesSecret && (lacksKey || lacksSubject || ![...KEY_METHODS, 'tls_client_auth'].includes(method))) {
      const reason =
        lacksKey || lacksSubject ? `what it needs for ${method} is not in the export` : `${method} is not supported`;
      this.note('by_hand', subject, `It was left out, because ${reason}. Create it by \`edgemint clients create\`.`);
      return;
    }
    const client_id = this.#usableId(subject, machine.id);
    const grants = machine.grants.flatMap(({ resource_server, scopes }) => {
      const known = scopes.filter((scope) => this.#servers.get(resource_server)?.scopes.has(scope));
      return this.#servers.has(resource_server) ? [{ resource_server, scopes: known }] : [];
    });
    if (grants.length === 0) this.note('by_hand', subject, 'It gets no tokens, because it has no grants.');
    const metadata = this.#metadata(subject, machine.metadata ?? {});
    const client_secret =
      usesSecret && client_id !== undefined ? this.#secret(subject, client_id, machine.secret) : undefined;
    this.#clients.push({
      client_name,
      ...(client_id !== undefined && { client_id }),
      ...(client_secret && { client_secret }),
      token_endpoint_auth_method: method,
      ...this.#texts(subject, machine),
      ...(jwks !== undefined && { jwks }),
      ...(jwks_uri !== undefined && !usesSecret && { jwks_uri }),
      // Other providers want the URL of the token endpoint in assertions, so machines send it.
      ...(method === 'private_key_jwt' && { assertion_audience: 'issuer_or_token_endpoint' }),
      grants,
      ...(machine.default_resource !== undefined &&
        grants.length > 1 && { default_resource: machine.default_resource }),
      access_token_ttl: this.#lifetime(subject, machine.lifetime),
      ...(machine.claims && { claims: machine.claims }),
      metadata,
      ...(machine.isEnabled === false && { status: 'disabled' }),
      ...machine.fields,
    });
    const details = [
      client_id === undefined ? undefined : 'its id',
      client_secret ? 'the place of its secret' : undefined,
      'its grants',
    ].filter((detail) => detail !== undefined);
    this.note('taken', subject, details.join(', '));
  }

  finish(provider: string, differences: readonly string[]): Draft {
    const servers = [...this.#servers].map(([identifier, { fields, scopes, acceptedClaims }]) => {
      const subject = `resource server ${identifier}`;
      this.note('taken', subject, scopes.size === 1 ? '1 scope' : `${scopes.size} scopes`);
      const { name = identifier, signing_alg = 'RS256', access_token_typ = 'JWT' } = fields;
      return {
        identifier,
        name: cut(name, NAME_LENGTH_MAX),
        scopes: [...scopes.values()].map((scope) => ({
          name: scope.name,
          description: description(scope.description),
        })),
        access_token_ttl: this.#lifetime(subject, fields.lifetime),
        signing_alg: this.#algorithm(subject, signing_alg),
        access_token_typ,
        accepted_claims: [...acceptedClaims],
      };
    });
    const counts = { resource_servers: servers.length, clients: this.#clients.length };
    return {
      declaration: { resource_servers: servers, clients: this.#clients },
      secrets: this.#secrets,
      report: { provider, counts, notes: this.#notes, issuers: [...this.#issuers], differences },
      hasVariables: this.hasVariables,
    };
  }

  /** Returns the keys that this service accepts, and notes the others. */
  #keys(subject: string, jwks: unknown): { keys: JsonObject[] } | undefined {
    const keys = objectsOf(objectOf(jwks).keys).filter((key, index) => {
      const name = `Its key ${typeof key.kid === 'string' ? key.kid : index + 1}`;
      const fault = isEncryptionKey(key) ? undefined : keyFault(key);
      if (fault !== undefined) this.note('by_hand', subject, `${name} was left out, because it ${fault}.`);
      else if (isEncryptionKey(key))
        this.note('left_out', subject, `${name} is for encrypting, and no machine authenticates with it.`);
      else return true;
      return false;
    });
    return keys.length === 0 ? undefined : { keys };
  }

  #lifetime(subject: string, seconds: number | undefined): number | null {
    if (seconds === undefined || seconds <= 0) return null;
    const whole = Math.round(seconds);
    const lifetime = Math.min(Math.max(whole, ACCESS_TOKEN_TTL_MIN), ACCESS_TOKEN_TTL_MAX);
    if (lifetime !== whole) {
      const reason = whole > lifetime ? 'no token lives longer than a day' : 'clocks differ by as much';
      this.note('changed', subject, `Its tokens live ${lifetime} s instead of ${whole} s: ${reason}.`);
    }
    return lifetime;
  }

  #algorithm(subject: string, algorithm: string): string {
    if (['ES256', 'RS256', 'EdDSA'].includes(algorithm)) return algorithm;
    const reason = algorithm.startsWith('HS')
      ? 'a verifier with a shared secret could issue tokens itself'
      : 'this service has ES256, RS256 and EdDSA';
    this.note('changed', subject, `Its tokens are signed with RS256 instead of ${algorithm}: ${reason}.`);
    return 'RS256';
  }

  /** Names of clients are unique in an organization, without regard to case. */
  #uniqueName(name: string): string {
    const wanted = cut(name.trim().replace(/\s+/g, ' '), NAME_LENGTH_MAX - 8);
    let unique = wanted;
    for (let copy = 2; this.#names.has(identityOf('clients', { client_name: unique })); copy++)
      unique = `${wanted} (${copy})`;
    this.#names.add(identityOf('clients', { client_name: unique }));
    if (unique !== name)
      this.note(
        'changed',
        `client ${name}`,
        `Its name is ${unique} here: names are unique, and of at most 200 characters.`,
      );
    return unique;
  }

  #usableId(subject: string, id: string | undefined): string | undefined {
    if (id === undefined) {
      this.note(
        'by_hand',
        subject,
        'Its client_id is not in the export. Add `client_id`, or give the machine the new one.',
      );
      return undefined;
    }
    const isRepeated = this.#ids.has(id);
    this.#ids.add(id);
    if (isRepeated || !(isImportableId(id) || (this.hasVariables && id.includes('${')))) {
      const reason = isRepeated
        ? 'another client of the export has it'
        : 'it has a character that Basic credentials cannot carry, or looks like an id of this service';
      this.note('by_hand', subject, `It gets a new client_id, because ${reason}. Give the machine the new one.`);
      return undefined;
    }
    if (id.includes(':')) {
      this.note(
        'by_hand',
        subject,
        'Its client_id has a colon. It works in the body, and in Basic if the machine form-encodes it (RFC 6749 section 2.3.1): curl -u and axios, for example, do not.',
      );
    }
    return id;
  }

  #secret(subject: string, clientId: string, text: string | undefined): SecretReference | undefined {
    const { secretsFolder, newSecrets } = this.#options;
    const variable = this.hasVariables ? /^\$\{(\w+)\}$/.exec(text ?? '')?.[1] : undefined;
    if (variable !== undefined) return { env: variable };
    const secret = text !== undefined && MASKED.test(text) ? undefined : text;
    if (secret === undefined && newSecrets) {
      this.note('by_hand', subject, 'Its secret is not in the export, so it gets a new one. Give it to the machine.');
      return undefined;
    }
    if (secret !== undefined && !ImportedCredentials.client_secret.safeParse(secret).success) {
      this.note(
        'by_hand',
        subject,
        'Its secret is too short or too easy to guess, so it gets a new one. Give it to the machine.',
      );
      return undefined;
    }
    const reference = this.#place(clientId, secretsFolder);
    if (secret !== undefined) this.#secrets.push({ reference, value: new Redacted(secret) });
    if (secret === undefined) {
      const place = secretsFolder === undefined ? 'the variable that the file names' : `the file in ${secretsFolder}`;
      this.note(
        'by_hand',
        subject,
        `Its secret is not in the export. Put it into ${place}, or import with --new-secrets.`,
      );
    } else if (secretsFolder === undefined) {
      this.note(
        'by_hand',
        subject,
        'Its secret is in the export. Set the variable that the file names, or import with --secrets-dir.',
      );
    }
    return reference;
  }

  #place(clientId: string, folder: string | undefined): SecretReference {
    const safe = clientId.replace(/[^\w.-]+/g, '-').replace(/^[.-]+|[.-]+$/g, '') || 'client';
    const wanted = folder === undefined ? `SECRET_${safe.replace(/\W/g, '_').toUpperCase()}` : safe;
    let place = wanted;
    // Some file systems ignore case.
    for (let copy = 2; this.#places.has(place.toLowerCase()); copy++) place = `${wanted}_${copy}`;
    this.#places.add(place.toLowerCase());
    return folder === undefined ? { env: place } : { file: `${folder}/${place}` };
  }

  #texts(subject: string, { description: text, owner }: Machine): object {
    const isName = owner === undefined || Name.safeParse(owner).success;
    if (!isName) this.note('left_out', subject, 'Its owner cannot be one here.');
    return { description: description(text), ...(owner !== undefined && isName && { owner }) };
  }

  #metadata(subject: string, metadata: JsonObject): Record<string, string> {
    const entries = Object.entries(metadata).map(
      ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
    );
    const fitting = entries.filter(
      ([name, value]) =>
        name !== '' &&
        name !== '__proto__' &&
        name.length <= METADATA_NAME_LENGTH_MAX &&
        value.length <= METADATA_VALUE_LENGTH_MAX,
    );
    if (fitting.length < entries.length) this.note('left_out', subject, 'Some of its metadata is too long.');
    return Object.fromEntries(fitting);
  }
}

function cut(text: string, length: number): string {
  return text.slice(0, length).trim();
}

function description(text: string | undefined): string {
  const result = Description.safeParse(cut(text ?? '', 1000));
  return result.success ? result.data : '';
}
