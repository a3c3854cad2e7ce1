import { z } from '@hono/zod-openapi';

/** A client authenticates with HTTP Basic, or by the two fields below in the form: so Basic is one way, and no header at all another. */
export const clientAuthentication: Record<string, string[]>[] = [{ client_secret_basic: [] }, {}];

/** The fields of `client_secret_post`. */
export const clientFields = {
  client_id: z.string().optional().openapi({ description: 'With `client_secret`, in place of HTTP Basic.' }),
  client_secret: z.string().optional().openapi({ description: 'With `client_id`, in place of HTTP Basic.' }),
};
