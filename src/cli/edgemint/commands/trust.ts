import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import type { FederatedIdentity } from '../../../gates/protocol.ts';
import { jwksFile } from '../parse.ts';
import { line } from '../printable.ts';
import type { Client } from '../representations.ts';
import { Session } from '../session.ts';
import { one, showChanged } from './crud.ts';

const GITHUB = 'https://token.actions.githubusercontent.com';

/** As it is asked for: without an audience it is the server's own. */
type Trusted = Omit<FederatedIdentity, 'audience'>;

interface TrustOptions {
  readonly audience?: string;
  readonly only?: boolean;
}

interface KubernetesOptions {
  readonly issuer: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly uid?: string;
  readonly jwksFile?: ReturnType<typeof jwksFile>;
}

/** `trust-github` and `trust-kubernetes`: by what cannot be renamed, where there is something. */
export function addTrust(group: Command): void {
  const github = addTrustCommand(group, 'trust-github', 'let workflows of a repository at GitHub be this client')
    .requiredOption('--repository-id <number>', 'of the repository: its name may become another’s')
    .option('--owner-id <number>', 'of the repository’s owner as well, so that it may not be transferred')
    .option('--ref <ref>', 'what they run on, as in refs/heads/main')
    .option('--environment <name>', 'the environment that they run in');
  github.action((id: string) => {
    const { repositoryId, ownerId, ref, environment } = github.opts<Record<string, string>>();
    const claims = { repository_id: repositoryId, repository_owner_id: ownerId, ref, environment };
    return trust(github, id, { issuer: GITHUB, claims: given(claims) });
  });

  const kubernetes = addTrustCommand(group, 'trust-kubernetes', 'let pods with a service account be this client')
    .requiredOption('--issuer <url>', 'of the cluster: issuer in /.well-known/openid-configuration')
    .requiredOption('--namespace <name>', 'of the service account')
    .requiredOption('--service-account <name>', 'its name')
    .option('--uid <uid>', 'its uid as well, which one that is made anew under its name does not have')
    .option(
      '--jwks-file <file>',
      'the keys of a cluster that cannot be asked from outside: its /openid/v1/jwks',
      jwksFile,
    );
  kubernetes.action((id: string) => {
    const { issuer, namespace, serviceAccount, uid, jwksFile: jwks } = kubernetes.opts<KubernetesOptions>();
    return trust(kubernetes, id, {
      issuer,
      subject: `system:serviceaccount:${namespace}:${serviceAccount}`,
      ...(uid !== undefined && { claims: { '/kubernetes.io/serviceaccount/uid': uid } }),
      ...(jwks && { jwks }),
    });
  });
}

function addTrustCommand(group: Command, name: string, description: string): Command {
  return group
    .command(name)
    .description(description)
    .argument('<client_id>')
    .option('--audience <audience>', 'the one audience of their tokens; else the server’s issuer')
    .option('--only', 'and accept no other credential of the client any more');
}

/** Adds to what the client trusts, unless it is there, and to how it authenticates. */
async function trust(command: Command, id: string, trusted: Trusted): Promise<void> {
  const session = new Session(command);
  const api = await session.api();
  const { audience = api.issuer, only } = command.opts<TrustOptions>();
  const target = one('clients', id);
  const { body: client, etag } = await api.get<Client>(target);
  const identity = { ...trusted, audience };
  const { federated_identities, token_endpoint_auth_method, additional_auth_methods } = client;
  const isThere = federated_identities.some((known) => isDeepStrictEqual(known, identity));
  const others = [token_endpoint_auth_method, ...additional_auth_methods].filter((name) => name !== 'federated_jwt');
  const patch = {
    federated_identities: isThere ? federated_identities : [...federated_identities, identity],
    token_endpoint_auth_method: 'federated_jwt',
    additional_auth_methods: only ? [] : others,
  };
  showChanged(session, await api.patch(target, patch, { ifMatch: etag ?? undefined }));
  if (!only && others.length > 0)
    session.terminal.note(`It may go on with ${line(others.join(', '))}: --only ends that.`);
}

function given(claims: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(claims).filter((claim): claim is [string, string] => claim[1] !== undefined),
  );
}
