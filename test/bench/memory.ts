import { deployedVariables, startEdgemint } from '../harness/edgemint.ts';
import { freePort } from '../harness/worker.ts';
import { secretTarget } from './edgemint-subjects.ts';
import { heapBytes } from './inspector.ts';
import { Load } from './load.ts';
import { Organization } from './organization.ts';
import { prepareRequests } from './requests.ts';
import { residentBytes, withPid } from './runtime.ts';

/** Memory after so many tokens of one isolate. */
export interface Footprint {
  readonly tokens: number;
  /** What the isolate's heap still uses after a garbage collection, in bytes. */
  readonly heap: number;
  /** The resident memory of the whole process, in bytes: the isolate's, the runtime's, and that of the local stores. */
  readonly resident: number;
}

const CONNECTIONS = 16;

/** Stands in front of the Worker, and collects garbage on request. */
const ENTRY = `
import worker, { ClientGate } from './index.js';
export { ClientGate };
export default {
  fetch(request, env, ctx) {
    if (!request.url.endsWith('/bench/gc')) return worker.fetch(request, env, ctx);
    gc();
    return new Response();
  },
};
`;

/** Issues tokens through one isolate, and measures its memory ten times on the way. */
export async function measureMemory(tokens: number): Promise<Footprint[]> {
  const inspectorPort = await freePort();
  const { started, pid } = await withPid(() => startWithCollector(inspectorPort));
  try {
    const target = await secretTarget({ issuer: started.issuer, organization: await Organization.create(started) });
    const load = new Load(new URL(target.url), await prepareRequests(target, 0));
    const found: Footprint[] = [];
    for (let step = 1; step <= 10; step++) {
      await load.run(CONNECTIONS, (sent) => sent < tokens / 10);
      if (load.errors > 0) throw new Error(`${load.errors} token requests failed.`);
      // A second collection takes what the first one has only marked, such as weak references.
      for (let time = 0; time < 2; time++) await fetch(`${started.issuer}/bench/gc`);
      found.push({
        tokens: load.latencies.length,
        heap: await heapBytes(inspectorPort),
        resident: residentBytes(pid),
      });
    }
    console.log('memory: measured');
    return found;
  } finally {
    await started.stop();
  }
}

async function startWithCollector(inspectorPort: number) {
  process.env.MINIFLARE_WORKERD_V8_FLAGS = '--expose-gc';
  try {
    return await startEdgemint({ variables: deployedVariables(), entry: ENTRY, inspectorPort });
  } finally {
    delete process.env.MINIFLARE_WORKERD_V8_FLAGS;
  }
}

/** How much more memory is used at the end than after the first step, as a share. */
export function growthOf(footprints: readonly Footprint[], of: 'heap' | 'resident'): number {
  const [first, last] = [footprints[0]?.[of] ?? Number.NaN, footprints.at(-1)?.[of] ?? Number.NaN];
  return last / first - 1;
}
