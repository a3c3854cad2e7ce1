import { type Command, Option } from 'commander';
import { CommandLine } from './command-line.ts';
import { exampleOf } from './option-example.ts';
import { seconds } from './parse.ts';

/** An option, and the field or parameter of the API that it sets. */
export interface FieldOption {
  /** Its name, such as `--grace`. */
  readonly flag: string;
  /** A correct use of it, such as `--grace 1h`. */
  readonly example: string | undefined;
  /** Whether its value is a duration, which the API counts in seconds. */
  readonly isDuration: boolean;
}

interface Row {
  /** The fields, as the first key of a JSON pointer, or parameters of the API. */
  readonly sets: readonly string[];
  /** A correct value, if the description of the option has none. */
  readonly example?: string;
  readonly isDuration?: boolean;
}

/**
 * Maps options to what they set in requests. The options that set fields of a resource are in the lists of their commands. A test compares
 * this table with all options of all commands.
 */
export const REQUEST_OPTIONS: Readonly<Record<string, Row>> = {
  '--organization': { sets: ['organization_id'] },
  '--limit': { sets: ['limit'], example: '50' },
  '--cursor': { sets: ['cursor'] },
  '--cascade': { sets: ['cascade'] },
  '--if-match': { sets: ['If-Match'] },
  '--grace': { sets: ['grace_seconds'], isDuration: true },
  '--replace-secondary': { sets: ['replace_secondary'] },
  '--replace-primary': { sets: ['replace_primary'] },
  '--replace-previous': { sets: ['replace_previous'] },
  '--expires': { sets: ['expires_at'] },
  '--expires-at': { sets: ['expires_at'] },
  '--name': { sets: ['name'] },
  '--owner': { sets: ['owner'] },
  '--role': { sets: ['role'] },
  '--status': { sets: ['status'] },
  '--resource-server': { sets: ['resource_server'] },
  '--auth-method': { sets: ['auth_method'] },
  '--unused-since': { sets: ['unused_since'] },
  '--expires-before': { sets: ['expires_before'] },
  '--safe-to-delete': { sets: ['safe_to_delete'] },
  '--sort': { sets: ['sort'] },
  '--from': { sets: ['from'], example: '24h' },
  '--to': { sets: ['to'], example: '1h' },
  '--unused-for': { sets: ['unused_for', 'unused_since'] },
  '--by': { sets: ['group_by'] },
  '--interval': { sets: ['interval'] },
  '--top': { sets: ['top'], example: '10' },
  '--jti': { sets: ['jti'] },
  '--client-id': { sets: ['client_id'] },
  '--emergency': { sets: ['emergency'] },
  '--kid': { sets: ['kid'] },
  '--alg': { sets: ['alg'] },
  '--actor': { sets: ['actor'] },
  '--target': { sets: ['target'] },
  '--action': { sets: ['action'] },
  '--request': { sets: ['request_id'] },
  '--audience': { sets: ['federated_identities'] },
  '--issuer': { sets: ['federated_identities'] },
  '--repository-id': { sets: ['federated_identities'] },
  '--owner-id': { sets: ['federated_identities'] },
  '--ref': { sets: ['federated_identities'] },
  '--environment': { sets: ['federated_identities'] },
  '--namespace': { sets: ['federated_identities'] },
  '--service-account': { sets: ['federated_identities'] },
  '--uid': { sets: ['federated_identities'] },
  '--jwks-file': { sets: ['federated_identities'] },
};

/** Returns the option of a command that sets a field, or one member of a field, if there is one. */
export function findOption(command: Command, name: string, member?: string): FieldOption | undefined {
  return ofField(command, name, member) ?? (member === undefined ? ofRequest(command, name) : undefined);
}

// With `--from`, only options in use are found: the other fields may come from the file.
function ofField(command: Command, name: string, member: string | undefined): FieldOption | undefined {
  if (!(command instanceof CommandLine)) return undefined;
  const values = command.opts<Record<string, unknown>>();
  const isInUse = (option: Option) => values.from === undefined || values[option.attributeName()] !== undefined;
  const field = command.fields.find(
    (field) =>
      field.name === name && (member === undefined || field.member === member) && isInUse(new Option(field.flags)),
  );
  if (!field) return undefined;
  return { ...described(new Option(field.flags, field.description)), isDuration: field.parse === seconds };
}

function ofRequest(command: Command, name: string): FieldOption | undefined {
  for (let owner: Command | null = command; owner; owner = owner.parent) {
    for (const option of owner.options) {
      const row = REQUEST_OPTIONS[option.long ?? ''];
      // `--from` of a creation is a file.
      if (!row?.sets.includes(name) || (option.long === '--from' && isFile(command))) continue;
      return { ...described(option, row.example), isDuration: row.isDuration ?? false };
    }
  }
  return undefined;
}

function isFile(command: Command): boolean {
  return command instanceof CommandLine && command.fields.length > 0;
}

function described(option: Option, example?: string): Pick<FieldOption, 'flag' | 'example'> {
  return { flag: option.long ?? option.flags, example: exampleOf(option, example) };
}
