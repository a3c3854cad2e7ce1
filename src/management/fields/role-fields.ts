import { z } from '@hono/zod-openapi';
import { Description, Grants, Name } from './schemas.ts';

// A client's roles are named by id or by name, and one must not pass for the other.
const ROLE_ID = /^role_[0-9A-Za-z]{22}$/;

/** What can be said of a role, at its creation and later. */
export const RoleFields = z.strictObject({
  name: Name.refine((name) => !ROLE_ID.test(name), 'must not look like the id of a role').openapi({
    example: 'order-reader',
  }),
  description: Description,
  grants: Grants,
});
