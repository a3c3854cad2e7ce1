/** An account, as far as a deployment can tell it. */
export interface Account {
  databases: string[];
  /** Rows that the database holds of what a MASTER_KEY sealed or hashed. */
  rows: number;
  worker: { secrets: string[]; deployments: number } | null;
  /** What leads to the Worker once it is deployed. */
  targets: string[];
  /** The beginning of the command that fails. */
  failsAt?: string;
}

/** How wrangler was called. */
export interface Call {
  args: string[];
  isInteractive: boolean;
  /** What its secrets file held. */
  secrets?: Record<string, string>;
  /** The mode of that file. */
  mode?: number;
}

export const EMPTY_ACCOUNT: Account = {
  databases: ['another'],
  rows: 0,
  worker: null,
  targets: ['https://edgemint.acme.workers.dev'],
};
