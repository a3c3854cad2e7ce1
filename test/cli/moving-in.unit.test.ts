// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are about variables of declarations.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { exportJWK, generateKeyPair } from 'jose';
import { describe, expect, test } from 'vitest';
import { authenticationComplaints } from '../../src/cli/edgemint/declaration/authentication.ts';
import { planActions } from '../../src/cli/edgemint/declaration/plan.ts';
import { readDeclaration } from '../../src/cli/edgemint/declaration/read.ts';
import { findComplaints } from '../../src/cli/edgemint/declaration/references.ts';
import { readSecrets } from '../../src/cli/edgemint/declaration/secrets.ts';
import { showPlan } from '../../src/cli/edgemint/declaration/show-plan.ts';
import { ProgressBar } from '../../src/cli/edgemint/progress-bar.ts';
import { canonical } from '../../src/declaration/item.ts';
import { writeDeclaration } from '../../src/declaration/write.ts';
import { Person } from '../e2e/cli/person.ts';
import { hydraClients, keycloakRealm } from './importers/exports.ts';

const SECRET = 'Zp7-kQ2_vXw9~Rt4.Ls8Yb3NcJ6mHd1F';
const NOTHING = { resource_servers: [], roles: [], clients: [], webhooks: [] };

const read = (text: string, env?: Record<string, string>) => readDeclaration(text, 'f.yaml', env).declaration;
const refusal = (text: string, env?: Record<string, string>): string => {
  try {
    read(text, env);
    return 'accepted';
  } catch (error) {
    return String(error instanceof Error ? error.message : error);
  }
};

const existing = (clients: Record<string, object>) => ({
  ...NOTHING,
  clients: Object.entries(clients).map(([id, fields]) => ({ id, fields: canonical('clients', fields) })),
});

const CLIENT = 'clients:\n  - client_name: A\n    client_id: a-1\n';

describe('a client with an id from elsewhere', () => {
  test('is created with its id and the place of its secret, which the plan names', () => {
    const actions = planActions(read(`${CLIENT}    client_secret: { env: A_SECRET }\n`), NOTHING, []);
    expect(actions).toMatchObject([{ imported: { client_id: 'a-1', client_secret: { env: 'A_SECRET' } } }]);
    const text = showPlan(actions);
    expect(text).toContain('+ client A\n    client_id: a-1\n    client_secret: from the variable A_SECRET\n');
  });

  test('is found by its id: under the same name there is nothing to do, under another one it is renamed', () => {
    const file = read(CLIENT);
    expect(planActions(file, existing({ 'a-1': { client_name: 'A' } }), [])).toEqual([]);
    const [action] = planActions(file, existing({ 'a-1': { client_name: 'Old' } }), ['clients']);
    expect(action).toMatchObject({ do: 'change', from: { id: 'a-1' }, to: { client_name: 'A' } });
  });

  test('is not found by its name as well: another entry with that name does not change it', () => {
    const file = read('clients:\n  - client_name: Worker\n  - client_name: Old worker\n    client_id: a-1\n');
    const actions = planActions(file, existing({ 'a-1': { client_name: 'Worker' } }), []);
    expect(actions).toMatchObject([
      { do: 'create', to: { client_name: 'Worker' } },
      { do: 'change', from: { id: 'a-1' }, to: { client_name: 'Old worker' } },
    ]);
  });

  test('cannot take over the name of a client with another id', () => {
    const own = existing({ emc_1: { client_name: 'A' } });
    const shared = { resource_servers: [], roles: [] };
    expect(findComplaints(read(CLIENT), own, shared, [], 0)).toEqual([
      {
        path: ['clients', 0, 'client_id'],
        message: 'A has the client_id emc_1, which cannot be changed. Use that one, or another client_name.',
      },
    ]);
    const twice = read(`${CLIENT}  - client_name: B\n    client_id: a-1\n`);
    expect(findComplaints(twice, NOTHING, shared, [], 0)).toMatchObject([{ message: 'a-1 is in the file twice.' }]);
  });

  test('is refused before anything changes if the API would refuse how it authenticates', async () => {
    const valid = await exportJWK((await generateKeyPair('RS256', { extractable: true })).publicKey);
    const other = await exportJWK((await generateKeyPair('ES384', { extractable: true })).publicKey);
    const method = { token_endpoint_auth_method: 'private_key_jwt' };
    const file = read(
      JSON.stringify({
        clients: [
          { client_name: 'Valid', ...method, jwks: { keys: [valid] } },
          { client_name: 'P-384', ...method, jwks: { keys: [valid, other] } },
          { client_name: 'Encryption', ...method, jwks: { keys: [{ ...valid, use: 'enc' }] } },
          { client_name: 'Certificate', ...method, jwks: { keys: [{ ...valid, x5c: ['AAAA'] }] } },
          { client_name: 'No key', ...method },
        ],
      }),
    );
    const found = await authenticationComplaints(file, planActions(file, NOTHING, []), 'https://auth.example');
    expect(found.map(({ path }) => path.join('.'))).toEqual([
      'clients.1.jwks.keys.1',
      'clients.2.jwks.keys.0',
      'clients.3.jwks.keys.0',
      'clients.4.jwks',
    ]);
    expect(await authenticationComplaints(file, [], 'https://auth.example')).toEqual([]);
  });

  test('is exported with its id, and a generated id is not', () => {
    const text = writeDeclaration({
      clients: [
        { client_name: 'A', client_id: 'a-1', client_secret: { file: 's' } },
        { client_name: 'B', client_id: 'emc_1' },
      ],
    });
    expect(text).toBe(
      'clients:\n  - client_name: A\n    client_id: a-1\n    client_secret:\n      file: s\n  - client_name: B\n',
    );
  });
});

describe('a secret', () => {
  test.each([`client_secret: ${SECRET}`, 'client_secret: { value: x }', 'client_secret: { env: A-B }'])(
    'in the file, as in %s, is refused without repeating it',
    (line) => {
      const message = refusal(`${CLIENT}    ${line}\n`);
      expect(message).toBe(
        'f.yaml:4:5 clients[0].client_secret: must be a reference: `{env: NAME}` or `{file: path}`. This file never contains the secret itself.',
      );
    },
  );

  test('needs an id, and a method that uses secrets', () => {
    const reference = '    client_secret: { env: S }\n';
    expect(refusal(`clients:\n  - client_name: A\n${reference}`)).toContain('requires `client_id`');
    const key = '    token_endpoint_auth_method: tls_client_auth\n';
    expect(refusal(`${CLIENT}${key}${reference}`)).toContain('does not authenticate with a secret');
  });

  test('is read from a variable or a file beside the declaration, for new clients only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'edgemint-secrets-'));
    try {
      await writeFile(join(folder, 'b'), `${SECRET}b\n`);
      const client = (name: string, reference: string) =>
        `  - client_name: ${name}\n    client_id: ${name}\n    client_secret: ${reference}\n`;
      const text = `clients:\n${client('a', '{ env: A }')}${client('b', '{ file: b }')}${client('c', '{ env: C }')}`;
      const actions = planActions(read(text), existing({ c: { client_name: 'c' } }), []);
      const { secrets, complaints } = await readSecrets(actions, { A: `${SECRET}a` }, folder);
      expect(complaints).toEqual([]);
      expect([...secrets].map(([id, secret]) => [id, secret.reveal()])).toEqual([
        ['a', `${SECRET}a`],
        ['b', `${SECRET}b`],
      ]);
      expect(JSON.stringify([...secrets])).not.toContain(SECRET);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('that is missing, empty or weak is a complaint that does not repeat it', async () => {
    const client = (name: string) =>
      `  - client_name: ${name}\n    client_id: ${name}\n    client_secret: { env: ${name} }\n`;
    const actions = planActions(read(`clients:\n${['A', 'B', 'C'].map(client).join('')}`), NOTHING, []);
    const { complaints } = await readSecrets(actions, { B: '', C: 'password1234' }, '.');
    expect(complaints.map(({ message }) => message)).toEqual([
      'The variable A is not set.',
      'The variable B is empty.',
      'The secret in the variable C must be 24 to 256 visible ASCII characters.',
    ]);
  });
});

describe('a declaration in YAML', () => {
  test('may have merge keys, and sections for anchors and for other programs', () => {
    const file = read(`x-defaults: &defaults
  access_token_ttl: 600
x-more: [1, 2]
clients:
  - <<: *defaults
    client_name: A
  - <<: *defaults
    client_name: B
    access_token_ttl: 60
`);
    expect(file.clients.map(({ access_token_ttl }) => access_token_ttl)).toEqual([600, 60]);
    expect(refusal('y-defaults: 1\n')).toContain('There is no such field.');
  });

  test('may use one alias in hundreds of clients', () => {
    const clients = Array.from({ length: 500 }, (_, index) => `  - client_name: C${index}\n    metadata: *notes\n`);
    expect(read(`x-notes: &notes { team: a }\nclients:\n${clients.join('')}`).clients).toHaveLength(500);
  });

  test('has no variables unless they are asked for', () => {
    const text = 'clients:\n  - client_name: ${NAME}\n';
    expect(refusal(text)).toBe(
      'f.yaml:2:18 ${NAME} is a variable: add --substitute to fill it in from the environment, or write $${NAME} for the text.',
    );
    expect(refusal(text, {})).toBe('f.yaml:2:18 The variable NAME is not set.');
    expect(read(text, { NAME: 'a: [b' }).clients[0]?.client_name).toBe('a: [b');
  });

  test('takes a number or a truth value from a variable that is all of a value without quotes', () => {
    const text = (value: string) => `clients:\n  - client_name: A\n    access_token_ttl: ${value}\n`;
    expect(read(text('${TTL}'), { TTL: '600' }).clients[0]?.access_token_ttl).toBe(600);
    expect(refusal(text('"${TTL}"'), { TTL: '600' })).toContain('access_token_ttl');
    expect(read('clients:\n  - client_name: ${N}\n', { N: '007' }).clients[0]?.client_name).toBe('007');
  });

  test.each(['${HOME}', 'a $${HOME} b', '${', '$$$', '${a-b}', '$HOME'])('has %s after it was written', (text) => {
    const written = writeDeclaration({ roles: [{ name: 'r', description: text }] });
    expect(read(written).roles[0]?.description).toBe(text);
    expect(read(written, { HOME: 'x' }).roles[0]?.description).toBe(text);
  });
});

describe('a progress bar', () => {
  function outputs(isTTY: boolean): string {
    let text = '';
    const write = (chunk: string) => {
      text += chunk;
    };
    const stream = new Writable({
      decodeStrings: false,
      write(chunk, _encoding, done) {
        write(chunk);
        done();
      },
    });
    const output = Object.assign(stream, { isTTY });
    const bar = new ProgressBar(output, 4);
    for (let step = 1; step <= 4; step++) bar.step(() => write(`step ${step}\n`));
    bar.clear();
    return text;
  }

  test('stands below the lines of the steps on a terminal, and leaves nothing behind', () => {
    const text = outputs(true);
    expect(text).toContain(`step 2\n[${'='.repeat(15)}>${' '.repeat(14)}] 2/4`);
    expect(text.endsWith(`[${'='.repeat(30)}] 4/4\r\u001b[2K`)).toBe(true);
  });

  test('is not written anywhere else', () => {
    expect(outputs(false)).toBe('step 1\nstep 2\nstep 3\nstep 4\n');
  });
});

describe('an import that would overwrite a file', () => {
  test('asks before it writes anything, and quotes the file in the next command', async () => {
    const person = await Person.arrive();
    try {
      const realm = person.file('realm.json');
      const output = person.file("it's mine.yaml");
      await writeFile(realm, keycloakRealm(1).text);
      await writeFile(output, 'mine\n');
      const secrets = person.file('secrets');
      const args = ['import', 'keycloak', realm, '-o', output, '--secrets-dir', secrets];
      expect((await person.runAtTerminal(args, 'n\n')).stdout).toContain('Overwrite it? [y/N] Nothing was done.');
      expect((await person.run(args)).code).toBe(2);
      expect(existsSync(secrets)).toBe(false);
      expect(await readFile(output, 'utf8')).toBe('mine\n');
      const { stdout } = await person.run([...args, '--yes']);
      expect(stdout).toContain(`Next: edgemint apply -f '${person.file("it'\\''s mine.yaml")}' --dry-run`);
      expect(existsSync(secrets)).toBe(true);
    } finally {
      await person.leave();
    }
  });
});

test('an import creates the folder for secrets, for its owner only, also if the export has none', async () => {
  const person = await Person.arrive();
  try {
    const clients = person.file('clients.json');
    await writeFile(clients, hydraClients(1).text);
    const secrets = person.file('secrets');
    const { code } = await person.run(['import', 'hydra', clients, '--secrets-dir', secrets]);
    expect(code).toBe(0);
    expect((await stat(secrets)).mode & 0o777).toBe(0o700);
  } finally {
    await person.leave();
  }
});
