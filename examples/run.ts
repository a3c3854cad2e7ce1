// Runs an example against the Edgemint of `npm start`: npm run -s example hono-api
import { connect } from './local.ts';

const EXAMPLES = {
  'hono-api': () => import('./hono-api/run.ts'),
  'mcp-server': () => import('./mcp-server/run.ts'),
  'github-actions': () => import('./github-actions/run.ts'),
  kubernetes: () => import('./kubernetes/run.ts'),
  'apply-in-ci': () => import('./apply-in-ci/run.ts'),
  apache: () => import('./apache/run.ts'),
} as const;

const name = process.argv[2] ?? '';
try {
  if (!Object.hasOwn(EXAMPLES, name)) {
    throw new Error(`Name one of the examples: ${Object.keys(EXAMPLES).join(', ')}.`);
  }
  const { run } = await EXAMPLES[name as keyof typeof EXAMPLES]();
  await run(await connect());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
