import { shellWord } from '../../../lib/shell-word.ts';
import { type Binding, type Method, type Place, usesCertificate, usesSecret } from './choose-method.ts';
import type { PlatformId } from './platforms.ts';
import { formOption, script, text, yaml } from './quote.ts';

/** The client that code is written for. */
export interface SnippetSubject {
  readonly issuer: string;
  readonly clientId: string;
  readonly method: Method;
  readonly binding: Binding;
  readonly place: Place;
  /** What vouches for it, if its method is `federated_jwt`. */
  readonly platform?: PlatformId;
  /** What was said about its workload. */
  readonly workload?: Readonly<Record<string, string>>;
  /** The `kid` of its registered key. */
  readonly kid?: string;
  /** The first resource server that it has scopes at; undefined if it has none. */
  readonly resource?: string;
  /** Whether it has scopes at others too, so that a request must name one. */
  readonly hasOthers?: boolean;
  readonly scopes?: readonly string[];
}

export interface Sample {
  readonly label: string;
  readonly language: string;
  readonly code: string;
}

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** The program that makes a key on the machine. A test compares it with docs/client-authentication.md. */
export const MAKE_KEY = `import { writeFile } from 'node:fs/promises';
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';

const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
await writeFile('key.pem', await exportPKCS8(privateKey), { mode: 0o600 });
console.log(JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: '2026-11' }] }));
`;

/**
 * Returns the code by which a client gets a token, in the languages that fit its method. No sample has a credential: each reads it from the
 * environment or a file. The texts are those of the documentation, which tests run; a test compares them.
 */
export function samplesFor(subject: SnippetSubject): Sample[] {
  const { method, binding, platform } = subject;
  const sdk: Sample = { label: 'edgemint-sdk', language: 'ts', code: sdkSample(subject) };
  // Only the SDK makes DPoP proofs.
  if (binding === 'dpop') return [sdk];
  const curl: Sample = { label: 'curl', language: 'sh', code: curlSample(subject) };
  if (method === 'private_key_jwt') return [sdk];
  if (usesCertificate(method)) return [curl, sdk];
  if (usesSecret(method)) {
    return [
      curl,
      sdk,
      { label: 'Go', language: 'go', code: goSample(subject) },
      { label: 'Python', language: 'python', code: pythonSample(subject) },
    ];
  }
  if (platform === 'github') {
    return [{ label: 'GitHub Actions', language: 'yaml', code: githubSample(subject) }, sdk];
  }
  if (platform === 'kubernetes') {
    return [{ label: 'Kubernetes', language: 'yaml', code: kubernetesSample(subject) }, sdk];
  }
  return [curl, sdk];
}

/** Returns the environment variable that the samples read a secret from; undefined if the method has none. */
export function secretVariable(method: Method): string | undefined {
  return usesSecret(method) ? 'CLIENT_SECRET' : undefined;
}

function curlSample(subject: SnippetSubject): string {
  const { issuer, clientId, method } = subject;
  const url = shellWord(`${issuer}/oauth2/token`);
  const wanted = [
    ...(subject.scopes?.length ? [formOption('scope', subject.scopes.join(' '))] : []),
    ...(subject.resource === undefined ? [] : [formOption('resource', subject.resource)]),
  ];
  const grant = '-d grant_type=client_credentials';
  const id = formOption('client_id', clientId);
  if (method === 'client_secret_basic') return command(`curl ${url} -u ${basic(clientId)}`, grant, ...wanted);
  if (method === 'client_secret_post') {
    const start = `printf %s "$CLIENT_SECRET" | curl ${url}`;
    return command(start, grant, id, '--data-urlencode client_secret@-', ...wanted);
  }
  if (usesCertificate(method)) {
    return command(`curl ${url} --cert client.pem --key client.key`, grant, id, ...wanted);
  }
  const type = `-d client_assertion_type=${JWT_BEARER}`;
  return command(`curl ${url}`, grant, id, type, '--data-urlencode client_assertion@token', ...wanted);
}

const command = (...parts: readonly string[]) => `${parts.join(' \\\n  ')}\n`;

function basic(clientId: string): string {
  return /^\w+$/.test(clientId) ? `"${clientId}:$CLIENT_SECRET"` : `${shellWord(clientId)}":$CLIENT_SECRET"`;
}

function sdkSample(subject: SnippetSubject): string {
  const { issuer, method, binding, resource } = subject;
  const credential = sdkCredential(subject);
  const options = [
    `issuer: ${script(issuer)}`,
    'client',
    ...(resource === undefined ? [] : [`resource: ${script(resource)}`]),
    ...(binding === 'dpop' ? ['dpop: true'] : []),
    ...(usesCertificate(method) ? ['fetch'] : []),
  ];
  const use = isUrl(resource)
    ? `export const answer = await source.fetch(${script(resource)});`
    : 'export const { access_token } = await source.token();';
  return [
    ...credential.before,
    '',
    ...credential.setup,
    `const client = { id: ${script(subject.clientId)}, ${credential.member} };`,
    sourceOf(options),
    use,
    '',
  ].join('\n');
}

function sourceOf(options: readonly string[]): string {
  const line = `export const source = tokenSource({ ${options.join(', ')} });`;
  return line.length <= 120
    ? line
    : `export const source = tokenSource({\n${options.map((option) => `  ${option},\n`).join('')}});`;
}

interface SdkCredential {
  readonly before: readonly string[];
  readonly setup: readonly string[];
  readonly member: string;
}

const IMPORT_SOURCE = "import { tokenSource } from 'edgemint-sdk/client';";

function sdkCredential({ issuer, method, platform, workload = {}, kid }: SnippetSubject): SdkCredential {
  if (usesSecret(method)) {
    return { before: [IMPORT_SOURCE], setup: [], member: "secret: process.env.CLIENT_SECRET ?? ''" };
  }
  if (method === 'private_key_jwt') {
    const named = kid === undefined ? '' : `, kid: ${script(kid)}`;
    return { before: [IMPORT_SOURCE], setup: [], member: `key: process.env.PRIVATE_KEY_PEM ?? ''${named}` };
  }
  if (usesCertificate(method)) {
    return {
      before: [
        "import { readFileSync } from 'node:fs';",
        "import { Agent, fetch as undiciFetch } from 'undici';",
        "import { tokenSource, type Fetch } from 'edgemint-sdk/client';",
      ],
      setup: [
        "const dispatcher = new Agent({ connect: { cert: readFileSync('client.pem'), key: readFileSync('client.key') } });",
        'const fetch = ((input: string, init: object) => undiciFetch(input, { ...init, dispatcher })) as unknown as Fetch;',
      ],
      member: 'certificate: true',
    };
  }
  const fromClient = (name: string, call: string): SdkCredential => ({
    before: [`import { ${name}, tokenSource } from 'edgemint-sdk/client';`],
    setup: [],
    member: `token: ${call}`,
  });
  const fromNode = (name: string, call: string): SdkCredential => ({
    before: [IMPORT_SOURCE, `import { ${name} } from 'edgemint-sdk/node';`],
    setup: [],
    member: `token: ${call}`,
  });
  if (platform === 'github') return fromClient('githubActions', `githubActions({ audience: ${script(issuer)} })`);
  if (platform === 'gitlab') return fromClient('gitlab', "gitlab('EDGEMINT_TOKEN')");
  if (platform === 'azure') {
    return fromClient('azure', `azure({ resource: ${script(`api://${workload.app?.trim() ?? ''}`)} })`);
  }
  if (platform === 'kubernetes') return fromNode('kubernetes', 'kubernetes()');
  if (platform === 'spiffe') return fromNode('spiffe', "spiffe('/run/spiffe/jwt_svid.token')");
  return fromNode('fileToken', "fileToken('token')");
}

function goSample({ issuer, clientId, resource, scopes = [] }: SnippetSubject): string {
  const calls = isUrl(resource);
  const members = [
    ['ClientID', text(clientId)],
    ['ClientSecret', 'os.Getenv("CLIENT_SECRET")'],
    ['TokenURL', text(`${issuer}/oauth2/token`)],
    ...(scopes.length > 0 ? [['Scopes', `[]string{${scopes.map(text).join(', ')}}`]] : []),
    ...(resource === undefined ? [] : [['EndpointParams', `url.Values{"resource": {${text(resource)}}}`]]),
  ] as const;
  const width = Math.max(...members.map(([name = '']) => name.length)) + 1;
  const packages = [
    'context',
    ...(calls ? ['io'] : ['fmt']),
    'log',
    ...(resource === undefined ? [] : ['net/url']),
    'os',
  ];
  const use = calls
    ? `	// Create it once: it keeps the token, and goroutines share it.
	client := config.Client(context.Background())
	response, err := client.Get(${text(resource)})
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	io.Copy(os.Stdout, response.Body)`
    : `	token, err := config.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(token.AccessToken)`;
  return `package main

import (
${packages.map((name) => `	"${name}"\n`).join('')}
	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	config := clientcredentials.Config{
${members.map(([name, value]) => `		${`${name}:`.padEnd(width)} ${value},\n`).join('')}	}
${use}
}
`;
}

function pythonSample({ issuer, clientId, resource, hasOthers = false, scopes = [] }: SnippetSubject): string {
  const named = hasOthers && resource !== undefined ? `, resource=${text(resource)}` : '';
  const fetchToken = `session.fetch_token(endpoint${named})`;
  const use = isUrl(resource)
    ? `${fetchToken}\nprint(session.get(${text(resource)}).text)`
    : `print(${fetchToken}["access_token"])`;
  const scope = scopes.length > 0 ? `    scope=${text(scopes.join(' '))},\n` : '';
  return `import os

from authlib.integrations.requests_client import OAuth2Session

endpoint = ${text(`${issuer}/oauth2/token`)}
session = OAuth2Session(
    ${text(clientId)},
    os.environ["CLIENT_SECRET"],
${scope}    token_endpoint=endpoint,
    grant_type="client_credentials",
)
${use}
`;
}

function githubSample(subject: SnippetSubject): string {
  const { issuer, clientId, resource, workload = {} } = subject;
  const environment = workload.environment?.trim() ?? '';
  const branch = /^refs\/heads\/([^*]+)$/.exec(workload.ref?.trim() ?? '')?.[1] ?? 'main';
  const api = isUrl(resource) ? shellWord(resource) : 'https://api.example.com';
  return `name: Deploy
on:
  push:
    branches: [${yaml(branch)}]

permissions:
  contents: read
  # Without it a job gets no token of its own.
  id-token: write

env:
  EDGEMINT: ${yaml(issuer)}
  CLIENT_ID: ${yaml(clientId)}

jobs:
  deploy:
    runs-on: ubuntu-latest
${environment === '' ? '' : `    environment: ${yaml(environment)}\n`}    steps:
      - uses: actions/checkout@v5
      - name: Get an access token
        # With this shell a pipe fails when its first command does.
        shell: bash
        run: |
          assertion=$(curl -sSf -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \\
            "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$EDGEMINT" | jq -er .value)
          echo "::add-mask::$assertion"
          access_token=$(printf %s "$assertion" | curl -sSf "$EDGEMINT/oauth2/token" \\
            -d grant_type=client_credentials \\
            -d client_id="$CLIENT_ID" \\
            -d client_assertion_type=${JWT_BEARER} \\
${resourceLine(subject)}            --data-urlencode client_assertion@- | jq -er .access_token)
          echo "::add-mask::$access_token"
          echo "ACCESS_TOKEN=$access_token" >> "$GITHUB_ENV"
      - name: Use it
        run: |
          curl -sSf -X POST -H "Authorization: Bearer $ACCESS_TOKEN" ${api}
`;
}

function kubernetesSample(subject: SnippetSubject): string {
  const { issuer, clientId, workload = {} } = subject;
  const namespace = yaml(workload.namespace?.trim() || 'default');
  const account = yaml(workload.account?.trim() || 'default');
  return `apiVersion: v1
kind: ServiceAccount
metadata:
  name: ${account}
  namespace: ${namespace}
---
apiVersion: v1
kind: Pod
metadata:
  name: ${account}
  namespace: ${namespace}
spec:
  serviceAccountName: ${account}
  # The token for the cluster itself is another one, and not needed here.
  automountServiceAccountToken: false
  restartPolicy: Never
  containers:
    - name: ${account}
      image: curlimages/curl
      env:
        - name: EDGEMINT
          value: ${yaml(issuer)}
        - name: CLIENT_ID
          value: ${yaml(clientId)}
      command: [sh, -c]
      args:
        - |
          curl -sSf "$EDGEMINT/oauth2/token" \\
            -d grant_type=client_credentials \\
            -d client_id="$CLIENT_ID" \\
            -d client_assertion_type=${JWT_BEARER} \\
${resourceLine(subject)}            --data-urlencode client_assertion@/var/run/secrets/edgemint/token
      volumeMounts:
        - name: edgemint
          mountPath: /var/run/secrets/edgemint
          readOnly: true
  volumes:
    - name: edgemint
      projected:
        sources:
          - serviceAccountToken:
              audience: ${yaml(issuer)}
              expirationSeconds: 3600
              path: token
`;
}

/** A client with scopes at one resource server needs no `resource`, so the samples stay as the documentation has them. */
function resourceLine({ resource, hasOthers }: SnippetSubject): string {
  return hasOthers && resource !== undefined ? `            ${formOption('resource', resource)} \\\n` : '';
}

function isUrl(identifier: string | undefined): identifier is string {
  return identifier !== undefined && /^https?:\/\//.test(identifier);
}
