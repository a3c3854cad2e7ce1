/** What the package takes over from the project's own `package.json`. */
export interface Project {
  readonly version: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** The frameworks that have an entry point of the same name, with the versions that it works with. */
const FRAMEWORKS: Readonly<Record<string, string>> = { hono: '^4', express: '^4 || ^5', fastify: '^5' };

/** The entry points that may import modules of Node. All others run in every runtime. */
export const NODE_ENTRIES = ['node'];

/** Returns the `package.json` of the package, with one export for each entry point. */
export function packageJson({ version, license, dependencies }: Project, entries: readonly string[]) {
  const frameworks = entries.filter((entry) => FRAMEWORKS[entry] !== undefined);
  const peers = Object.fromEntries(frameworks.map((name) => [name, FRAMEWORKS[name] ?? '']));
  const optional = Object.fromEntries(frameworks.map((name) => [name, { optional: true }]));
  const exported = entries.map((entry) => [`./${entry}`, { types: `./types/${entry}.d.ts`, default: `./${entry}.js` }]);
  return {
    name: 'edgemint-sdk',
    version,
    description:
      'Holds and checks OAuth 2.0 access tokens for machines, with Edgemint or any server that follows the RFCs',
    license,
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20' },
    exports: { ...Object.fromEntries(exported), './package.json': './package.json' },
    files: ['*.js', '*.js.map', 'types', 'README.md', 'LICENSE'],
    dependencies: { jose: `^${dependencies.jose}` },
    ...(frameworks.length > 0 && { peerDependencies: peers, peerDependenciesMeta: optional }),
  };
}
