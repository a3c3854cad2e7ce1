/** Maps each file, by its path in `src`, to the paths of the files that it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** From the bottom up: each layer may import those before it. */
const LAYERS = [
  // The package for clients and APIs knows nothing of the server. The server may import its types.
  ['sdk/'],
  // The contract between the edge and a gate imports no code, so every layer may import it.
  ['gates/protocol.ts'],
  ['constants.ts'],
  ['lib/'],
  // The canonical form of declaration files, which the command line and the console write.
  ['declaration/'],
  ['log/'],
  ['jwt/'],
  ['store/'],
  ['credentials/'],
  ['platform/'],
  ['outbound/'],
  ['keys/'],
  ['remote-keys/'],
  ['federation/'],
  ['tokens/'],
  ['webhooks/'],
  ['gates/'],
  ['disuse/'],
  ['http/'],
  // The code of the Durable Object, and the two APIs. Each API says in its own `services.ts` what it may touch.
  ['client-gate/', 'oauth/', 'management/'],
  // The sessions and pages of the console use the management API's problems and authorization.
  ['sessions/'],
  ['documentation/'],
  ['services.ts'],
  ['scheduled.ts', 'app.ts'],
  ['index.ts'],
  // The code of the browser reaches the server through its API only.
  ['console/'],
  // Programs that run on Node and share definitions with the Worker.
  ['cli/'],
] as const;

/** Folders and files of one layer that must not know each other: the importer, then those that it must not import. */
const APART: readonly (readonly [from: string, to: readonly string[]])[] = [
  ['client-gate/', ['oauth/', 'management/']],
  ['oauth/', ['client-gate/', 'management/']],
  ['management/', ['client-gate/', 'oauth/']],
  ['services.ts', ['client-gate/', 'documentation/']],
];

/** Returns the imports that go upward or between separate folders, and the files that belong to no layer. */
export function layerFaults(graph: ImportGraph): string[] {
  const stray = [...graph.keys()].filter((file) => layerOf(file) < 0).map((file) => `${file} is in no layer`);
  const imports = [...graph].flatMap(([from, targets]) => targets.map((to) => ({ from, to })));
  // A file outside `src`, such as `package.json`, belongs to no layer.
  const inside = imports.filter(({ from, to }) => layerOf(from) >= 0 && !to.startsWith('..'));
  const faults = inside.filter(({ from, to }) => layerOf(to) > layerOf(from) || areApart(from, to));
  return [...stray, ...faults.map(({ from, to }) => `${from} -> ${to}`)];
}

function layerOf(file: string): number {
  return LAYERS.findIndex((places) => places.some((place) => isIn(file, place)));
}

function isIn(file: string, place: string): boolean {
  return place.endsWith('/') ? file.startsWith(place) : file === place;
}

function areApart(from: string, to: string): boolean {
  return APART.some(([place, others]) => isIn(from, place) && others.some((other) => isIn(to, other)));
}

/**
 * Returns the groups of files that import one another, directly or not, each sorted by name
 * ([Tarjan's algorithm](https://doi.org/10.1137/0201010)).
 */
export function importCircles(graph: ImportGraph): string[][] {
  const circles: string[][] = [];
  const stack: string[] = [];
  const index = new Map<string, number>();
  const lowest = new Map<string, number>();
  const lower = (file: string, to: number) => lowest.set(file, Math.min(lowest.get(file) ?? to, to));

  function visit(file: string): void {
    const own = index.size;
    index.set(file, own);
    lower(file, own);
    stack.push(file);
    for (const target of graph.get(file) ?? []) {
      if (!graph.has(target)) continue;
      if (!index.has(target)) {
        visit(target);
        lower(file, lowest.get(target) ?? own);
      } else if (stack.includes(target)) lower(file, index.get(target) ?? own);
    }
    if (lowest.get(file) !== own) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1) circles.push(circle.sort());
  }

  for (const file of graph.keys()) if (!index.has(file)) visit(file);
  return circles;
}
