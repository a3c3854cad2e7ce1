import { z } from '@hono/zod-openapi';
import { ID_RANDOM_LENGTH } from '../../store/constants.ts';
import { Description, Grants, Name } from './schemas.ts';

// Clients refer to a role by its id or its name, so a name must not look like an id.
const ROLE_ID = new RegExp(`^role_[0-9A-Za-z]{${ID_RANDOM_LENGTH}}$`);

/** The fields of a role that a create and an update take. */
export const RoleFields = z.strictObject({
  name: Name.refine((name) => !ROLE_ID.test(name), 'must not look like the id of a role').openapi({
    not: { pattern: ROLE_ID.source },
    description: 'The name by which clients refer to the role.',
    example: 'order-reader',
  }),
  description: Description,
  grants: Grants.openapi({ description: 'The scopes that every client with this role is granted. Default: none.' }),
});
