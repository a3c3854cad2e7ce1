/** A piece of what a token request costs more than the full floor. */
export interface Piece {
  readonly piece: string;
  /** Microseconds of CPU per request of `unlimited`. */
  readonly micros: number;
  /** What giving it up would cost. */
  readonly price: string;
}

/** When the pieces were measured. A run does not measure them: each needs a Worker from which it has been cut out. */
export const PIECES_MEASURED = '2026-11-29';

/** The CPU time of a request in the Worker as it is, and in the full floor, in the rounds that measured the pieces, microseconds. */
export const PIECES_BETWEEN = { worker: 384, floor: 306 };

/** The standard error of each piece, microseconds. */
export const PIECES_ERROR = 5;

/** The pieces, in the order in which they were cut out. */
export const PIECES: readonly Piece[] = [
  {
    piece: 'gate call: retry, unknown outcomes, calls and time for the log; filter for failed attempts',
    micros: 12,
    price:
      'requests fail while a deployment resets the gates; a refusal of a newer gate passes for a success; strangers guess without limit, each guess at the price of a gate call',
  },
  {
    piece: 'tag of the client_id',
    micros: 5,
    price: 'an invented client_id creates a gate and costs a D1 query',
  },
  {
    piece:
      'the rest of client authentication: one method only, two readings of Basic, secrets in the body, checksum, replaced master keys',
    micros: 18,
    price:
      'no method besides Basic; curl or strict libraries fail; a mistyped secret costs a gate call; MASTER_KEY cannot be replaced',
  },
  {
    piece: 'body and parameters: size, UTF-8, repetitions, rules of scope and resource; DPoP header and certificate',
    micros: 11,
    price: 'bodies without limit; a request that two parsers read differently; no sender-constrained tokens',
  },
  {
    piece: 'claims, key ring, length of the token, headers and JSON of the answer',
    micros: 9,
    price: 'no custom claims; no rotation and only one algorithm; tokens that are too long to introspect',
  },
  { piece: 'routes', micros: 3, price: 'one endpoint' },
  {
    piece: 'trace, and the decision what is logged',
    micros: 6,
    price: 'a failure has no line with its reason and its stores',
  },
  {
    piece: 'gate: bucket that survives an eviction, usage, last use, alarm',
    micros: 5,
    price: 'an eviction grants the burst again; no usage counts, no last use',
  },
  {
    piece: 'gate: live secrets, cut-off, used ids, binding, scopes, roles and claims',
    micros: 7,
    price: 'disabled clients, old secrets and lost scopes still get tokens',
  },
];
