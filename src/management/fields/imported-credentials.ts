import { z } from '@hono/zod-openapi';
import { CLIENT_ID_LENGTH_MAX } from '../../constants.ts';
import { SECRET_BITS_MIN } from '../../credentials/constants.ts';
import { IMPORTABLE_ID, isImportableId, RESERVED_ID } from '../../credentials/importable-id.ts';
import { isStrongSecret } from '../../credentials/secret-strength.ts';
import { Redacted } from '../../log/redacted.ts';
import { ATTEMPT_FILTER, LEAK_REPORT, ROOT } from '../../store/actors.ts';
import { IMPORTED_SECRET_LENGTH_MAX, IMPORTED_SECRET_LENGTH_MIN } from '../constants.ts';

const IMPORTED_SECRET = new RegExp(`^[\\x21-\\x7e]{${IMPORTED_SECRET_LENGTH_MIN},${IMPORTED_SECRET_LENGTH_MAX}}$`);

/** The credentials of a client that moves in from another provider. */
export const ImportedCredentials = {
  client_id: z
    .string()
    .refine(
      isImportableId,
      `must be 1 to ${CLIENT_ID_LENGTH_MAX} visible ASCII characters without " % and +, must not begin with emc_, key_ or org_, and must not be one of . .. ${ROOT} ${LEAK_REPORT} ${ATTEMPT_FILTER}`,
    )
    .optional()
    .openapi({
      pattern: IMPORTABLE_ID.source,
      not: { pattern: RESERVED_ID.source },
      description:
        'The id that the client has at another provider. An id with a colon, such as a URL, works in HTTP Basic only if the client form-encodes it, as RFC 6749 wants; it always works in the body. Default: a generated id.',
    }),
  client_secret: z
    .string()
    .regex(
      IMPORTED_SECRET,
      `must be ${IMPORTED_SECRET_LENGTH_MIN} to ${IMPORTED_SECRET_LENGTH_MAX} visible ASCII characters`,
    )
    .refine(isStrongSecret, `is too easy to guess: it must be as strong as ${SECRET_BITS_MIN} random bits`)
    .transform((secret) => new Redacted(secret))
    .optional()
    .openapi({
      description:
        'The secret that the client has at another provider. Requires `client_id`. Default: a generated secret.',
    }),
};
