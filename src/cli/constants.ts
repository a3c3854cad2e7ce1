// The numbers of the command lines, with unit and reason. Times are in milliseconds if the name ends with _MS, in seconds otherwise.

// ── Exit codes ──

/** Of a command that was refused or failed. */
export const EXIT_FAILED = 1;
/** Of a command that was called wrongly. Nothing was changed. */
export const EXIT_USAGE = 2;
/** Of `apply --dry-run --exit-code` if the plan is not empty. */
export const EXIT_DRIFT = 3;
/** Of `tokens introspect --exit-code` if the token is not active. */
export const EXIT_INACTIVE = 3;
/** Of a command that ctrl-C ended: 128 plus the number of SIGINT, as in shells. */
export const EXIT_INTERRUPTED = 130;

// ── Requests of `edgemint` to the server ──

/** Attempts of one request, the first one included. */
export const ATTEMPTS = 5;
/** Time for one attempt. A management write may wait for many gates. */
export const REQUEST_TIMEOUT_MS = 60_000;
/** Pause before the next attempt if the server names none. */
export const DEFAULT_RETRY_AFTER = 2;
/** Longest pause before the next attempt, even if the server asks for more: somebody is waiting. */
export const MAX_RETRY_AFTER = 60;
/** Items per request of `--all` and `apply`: the most that the API returns. */
export const PAGE_LIMIT = 100;
/** Pause between two looks at a change that is being delivered to gates. */
export const POLL_MS = 500;
/** Longest pause between two looks at a change whose end is known. */
export const MAX_POLL_MS = 5000;

// ── Texts for people ──

/** Width of help texts if the output is not a terminal. */
export const HELP_COLUMNS = 80;
/** Least width of a description beside its term in a help text: less would be one word a line. */
export const HELP_DESCRIPTION_MIN = 30;
/** Spaces before the terms of a help text. */
export const HELP_INDENT = 2;
/** Spaces between two columns of a table. */
export const COLUMN_GAP = 2;
/** Last characters of an API key that `profiles` shows: enough to tell keys apart, useless for guessing. */
export const HINT_LENGTH = 4;
/** Width to which a column of a table may be cut, so that the table fits the terminal: enough to recognize a name. */
export const COLUMN_WIDTH_MIN = 12;
/** Characters of a wrong value that an error repeats: enough to recognize it. */
export const VALUE_LENGTH_SHOWN = 60;
/** Similar names that an error suggests. */
export const SIMILAR_NAMES_SHOWN = 5;
/** Names of changed fields in a row of `audit list`; `--json` shows all. */
export const CHANGED_FIELDS_SHOWN = 3;
/** Dependents that an error lists: about a screenful. */
export const DEPENDENTS_PRINTED = 20;
/** Complaints about a file that an error lists: more would scroll the first ones away. */
export const COMPLAINTS_SHOWN = 50;
/** Expansions of YAML aliases in a declaration: each of some thousand clients may refer to a few anchors. */
export const ALIASES_MAX = 10_000;
/** Clients and resource servers that one line of a report names: more would hide the text about them. */
export const SUBJECTS_SHOWN = 5;
/** Width of a progress bar in characters. */
export const BAR_WIDTH = 30;
/** Seconds since the epoch (year 5138) above which a claim is not shown as a time: it is probably in milliseconds. */
export const MAX_SHOWN_TIME = 1e11;

// ── `npm start` and `npm run deploy` ──

/** The port of `npm start` without PORT: that of `wrangler dev`. */
export const DEFAULT_PORT = 8787;
export const MAX_PORT = 65_535;
/** Time for the local service to answer its first request. A first start compiles everything. */
export const START_DEADLINE_MS = 120_000;
/** Pause between two health checks of the starting service. */
export const HEALTH_POLL_MS = 100;
/** Lines of the log that an error shows if the local service ends: enough for a stack trace. */
export const LOG_TAIL_LINES = 20;
/** Pause between two runs of the scheduled handler on this machine, in milliseconds: as the cron trigger of wrangler.toml. */
export const SCHEDULE_MS = 60_000;
/** The oldest major version of Node that the runtime of Workers supports. With an older one, `edgemint dev` installs a newer Node. */
export const RUNTIME_NODE_MIN = 22;
/** Longest name of an environment of `npm run deploy`: with it, a Worker's name stays below the 63 characters of a host's label. */
export const ENVIRONMENT_LENGTH_MAX = 30;
/** Time for a new deployment to become healthy. A custom domain needs a DNS entry and a certificate. */
export const CHECK_PATIENCE_MS = 120_000;
/** Pause between two looks at it. */
export const CHECK_POLL_MS = 2000;
/** Time for wrangler to end by itself before it is killed. */
export const STOP_PATIENCE_MS = 5000;
/** Length of a generated MASTER_KEY in bytes: an AES-256 key. */
export const MASTER_KEY_BYTES = 32;
/** Permissions of files that hold secrets: only the owner reads and writes them. */
export const SECRET_FILE_MODE = 0o600;
/** Permissions of the directory of such files. */
export const SECRET_DIRECTORY_MODE = 0o700;

/** How long `edgemint webhooks test` waits for the receiver, and how often it looks: the service gives a receiver 15 seconds. */
export const TEST_EVENT_WAIT_MS = 20_000;
export const TEST_EVENT_POLL_MS = 500;

/** How long before its end the command line warns of its API key: as the event `api_key.expiring`. In milliseconds. */
export const EXPIRY_WARNING_MS = 14 * 86_400_000;

/** Lifetime of an assertion that `tokens issue --key-file` signs, in seconds: long enough for a retry. */
export const ASSERTION_LIFETIME = 60;
/** How late the scheduled handler, which runs every minute, may be before `status` warns. In milliseconds. */
export const CRON_LATE_MS = 10 * 60_000;
/** Age of a signing key from which `status` suggests to rotate it. In milliseconds. */
export const KEY_AGE_WARNING_MS = 365 * 86_400_000;
/** How lately a client was used if `apply --prune` warns of its deletion: monthly jobs are included. In milliseconds. */
export const RECENT_USE_MS = 35 * 86_400_000;

// ── `edgemint backup` and `restore` ──

/** Bytes that one seal of a backup covers: enough that the tag and the call are negligible, little enough to be held in memory. */
export const BACKUP_CHUNK_BYTES = 65_536;
export const BACKUP_SALT_BYTES = 16;
/**
 * The cost of a key from a passphrase: N and r of scrypt, 128 MiB and about half a second. OWASP's first choice for scrypt is this N and r.
 * They belong to the format of the file, so a change needs a new format.
 */
export const SCRYPT_COST = 2 ** 17;
export const SCRYPT_BLOCK_SIZE = 8;
/** Memory that scrypt may use, in bytes: N × r × 128, and some more. */
export const SCRYPT_MEMORY_MAX = 160 * 2 ** 20;
/** Shortest passphrase, in characters. A file can be tried against guesses for as long as somebody has it. */
export const PASSPHRASE_LENGTH_MIN = 12;
/** Rows of a line of a backup. */
export const BACKUP_ROWS_PER_LINE = 200;
/** Bytes of a statement that a restore writes. D1 takes 100,000 at most. */
export const SQL_STATEMENT_BYTES_MAX = 80_000;
/** Characters of a part of a long text in a statement: at six bytes each, several long texts fit one statement. */
export const SQL_TEXT_PART_LENGTH = 3000;
/** What a restore adds to the version, so that no gate of this name has a newer record. As many writes never happen between two backups. */
export const RESTORED_VERSIONS_SKIPPED = 1_000_000_000;
/** How often a restore looks at a database that cannot be read after wrangler failed: D1 answers nothing while it imports a file. */
export const RESTORE_LOOKS = 12;
/** Time between these looks. */
export const RESTORE_LOOK_MS = 5000;
/** The shortest rest of a revocation that is copied to KV, in seconds: KV refuses an expiry in less than 60. */
export const KV_COPY_REST_MIN = 120;
