import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import type { FederatedIdentity } from '../../../gates/protocol.ts';
import { jwksFile } from '../parse.ts';
import { line } from '../printable.ts';
import type { Client } from '../representations.ts';
import { Session } from '../session.ts';
import { itemPath, NAME_OR_ID, showChanged } from './crud.ts';

const GITHUB = 'https://token.actions.githubusercontent.com';

/** A federated identity whose audience is not known yet. */
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

/** Adds `trust-github` and `trust-kubernetes`, which identify workloads by ids that cannot be reused, if the platform has them. */
export function addTrust(group: Command): void {
  const github = addTrustCommand(group, 'trust-github', 'let workflows of a GitHub repository act as this client')
    .requiredOption(
      '--repository-id <number>',
      'the id of the repository, such as 74, which unlike its name is never reused',
    )
    .option('--owner-id <number>', 'also the id of the owner, to refuse a transferred repository')
    .option('--ref <ref>', 'only on this ref, such as refs/heads/main')
    .option('--environment <name>', 'only in this environment');
  github.action((id: string) => {
    const { repositoryId, ownerId, ref, environment } = github.opts<Record<string, string>>();
    const claims = { repository_id: repositoryId, repository_owner_id: ownerId, ref, environment };
    return trust(github, id, { issuer: GITHUB, claims: definedOnly(claims) });
  });

  const kubernetes = addTrustCommand(
    group,
    'trust-kubernetes',
    'let pods of a Kubernetes service account act as this client',
  )
    .requiredOption('--issuer <url>', 'the issuer of the cluster, from its /.well-known/openid-configuration')
    .requiredOption('--namespace <name>', 'the namespace of the service account')
    .requiredOption('--service-account <name>', 'the name of the service account')
    .option('--uid <uid>', 'also its uid, to refuse a new service account of the same name')
    .option('--jwks-file <file>', 'the keys of a cluster that is not reachable: its /openid/v1/jwks', jwksFile);
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
    .argument('<client>', NAME_OR_ID)
    .option('--audience <audience>', 'the only audience of the tokens; the issuer of the server by default')
    .option('--only', 'accept no other credential of the client any more');
}

/** Adds a federated identity to a client, unless it has it, and lets the client authenticate with it. */
async function trust(command: Command, named: string, trusted: Trusted): Promise<void> {
  const session = new Session(command);
  const api = await session.api();
  const { audience = await api.issuer(), only } = command.opts<TrustOptions>();
  const target = itemPath('clients', await session.find('client', named));
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
    session.terminal.note(`The client may still use ${line(others.join(', '))}. Add --only to end that.`);
}

function definedOnly(claims: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(claims).filter((claim): claim is [string, string] => claim[1] !== undefined),
  );
}
