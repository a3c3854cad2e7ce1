/** The parts of a Cloudflare account that a deployment can see. */
export interface Account {
  databases: string[];
  /** The number of rows in the database that a MASTER_KEY sealed or hashed. */
  rows: number;
  /** The sealed signing keys in the database. Default: none. */
  sealed?: string[];
  worker: { secrets: string[]; deployments: number; variables?: Record<string, string> } | null;
  /** The tables of the database. Default: those of Edgemint. */
  tables?: string[];
  /** The migrations that were applied to it. Default: the first one. */
  migrations?: string[];
  /** The URLs and domains of the deployed Worker. */
  targets: string[];
  /** Commands that start with this text fail. */
  failsAt?: string;
  /** What they print. */
  failure?: string;
}

/** A call of wrangler. */
export interface Call {
  args: string[];
  isInteractive: boolean;
  /** The content of its secrets file. */
  secrets?: Record<string, string>;
  /** The permissions of that file. */
  mode?: number;
  /** The configuration that it was given. */
  configuration?: { name: string; [member: string]: unknown };
}

export const EMPTY_ACCOUNT: Account = {
  databases: ['another'],
  rows: 0,
  worker: null,
  targets: ['https://edgemint.acme.workers.dev'],
};
