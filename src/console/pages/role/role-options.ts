import { shell } from '../new-client/quote.ts';

interface RoleBody {
  readonly name?: string;
  readonly description?: string;
  readonly grants?: readonly { readonly resource_server: string; readonly scopes?: readonly string[] }[];
}

/** Returns the options of `edgemint roles create` and `update` that set these fields. */
export function roleOptions({ name, description, grants }: RoleBody): string[] {
  return [
    ...(name === undefined ? [] : [`--name ${shell(name)}`]),
    ...(description === undefined
      ? []
      : [description === '' ? '--reset description' : `--description ${shell(description)}`]),
    ...(grants?.length === 0 ? ['--reset grants'] : []),
    ...(grants ?? []).map(
      ({ resource_server, scopes = [] }) => `--grant ${shell([resource_server, ...scopes].join(' '))}`,
    ),
  ];
}
