// An MCP server that refuses requests without a token, and says where to get one.
// Copied out of this repository, it needs: npm install @modelcontextprotocol/server @hono/node-server edgemint-sdk zod
import { serve } from '@hono/node-server';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { protectedResource, VerificationError, verifier } from 'edgemint-sdk/verify';
import { z } from 'zod';

const {
  ISSUER = 'http://localhost:8787',
  // The identifier of the resource server in Edgemint, and the address that clients use.
  RESOURCE = 'https://mcp.example.com/mcp',
  PORT = '8788',
} = process.env;

const metadata = protectedResource({
  resource: RESOURCE,
  authorization_servers: [ISSUER],
  scopes_supported: ['reports:read'],
});
const reports = verifier({ issuer: ISSUER, audience: RESOURCE, resourceMetadata: metadata.url, revocations: 'feed' });

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'reports', version: '1.0.0' });
  server.registerTool(
    'read_report',
    { description: 'Reads a report', inputSchema: z.object({ name: z.string() }) },
    async ({ name }, { http }) => ({ content: [{ type: 'text', text: `${name}, for ${http?.authInfo?.clientId}` }] }),
  );
  return server;
});

async function fetch(request: Request): Promise<Response> {
  const document = metadata.handle(request);
  if (document) return document;
  if (new URL(request.url).pathname !== new URL(RESOURCE).pathname) return new Response(null, { status: 404 });
  try {
    const token = await reports.authenticate(request, { scope: 'reports:read' });
    const authInfo = {
      token: request.headers.get('Authorization')?.split(' ')[1] ?? '',
      clientId: token.client_id,
      scopes: [...token.scopes],
      expiresAt: token.expires_at,
    };
    return await handler.fetch(request, { authInfo });
  } catch (error) {
    if (error instanceof VerificationError) return error.toResponse();
    throw error;
  }
}

serve({ fetch, port: Number(PORT), hostname: '127.0.0.1' }, () => console.log(`The MCP server serves ${RESOURCE}`));
