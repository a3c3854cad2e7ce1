import { readFileSync } from 'node:fs';
import { transform } from 'esbuild';
import { deployedVariables, startEdgemint } from '../harness/edgemint.ts';
import type { Counted } from './operations.ts';
import { Organization } from './organization.ts';

const ENTRY = readFileSync(new URL('counting/entry.ts', import.meta.url), 'utf8');

/** A running Edgemint that counts what the platform would bill. */
export class CountingWorker {
  readonly issuer: string;
  readonly organization: Organization;
  readonly stop: () => Promise<void>;

  private constructor(issuer: string, organization: Organization, stop: () => Promise<void>) {
    this.issuer = issuer;
    this.organization = organization;
    this.stop = stop;
  }

  static async start(): Promise<CountingWorker> {
    const { code } = await transform(ENTRY, { loader: 'ts', target: 'esnext' });
    const entry = code.replace('../../../src/index.ts', './index.js');
    const started = await startEdgemint({ variables: deployedVariables(), entry });
    const organization = await Organization.create(started);
    return new CountingWorker(started.issuer, organization, () => started.stop());
  }

  /** Starts to count from zero. */
  async reset(): Promise<void> {
    await this.#ask('reset');
  }

  async counted(): Promise<Counted> {
    return (await (await this.#ask('counts')).json()) as Counted;
  }

  /** Moves the clock forward, without the alarms that then would go off. */
  async advance(milliseconds: number): Promise<void> {
    await this.#ask(`advance?ms=${milliseconds}`);
  }

  /** Has the gate of a client carry out its alarm. */
  async runAlarm(clientId: string): Promise<void> {
    await this.#ask(`alarm?client_id=${clientId}`);
  }

  async #ask(what: string): Promise<Response> {
    const response = await fetch(`${this.issuer}/bench/${what}`);
    if (!response.ok) throw new Error(`/bench/${what}: ${response.status}`);
    return response;
  }
}
