import { z } from '@hono/zod-openapi';
import { ID_RANDOM_LENGTH } from '../../store/id.ts';
import { Description, Grants, Name } from './schemas.ts';

// A client's roles are named by id or by name, and one must not pass for the other.
const ROLE_ID = new RegExp(`^role_[0-9A-Za-z]{${ID_RANDOM_LENGTH}}$`);

/** What can be said of a role, at its creation and later. */
export const RoleFields = z.strictObject({
  name: Name.refine((name) => !ROLE_ID.test(name), 'must not look like the id of a role').openapi({
    example: 'order-reader',
  }),
  description: Description,
  grants: Grants,
});
