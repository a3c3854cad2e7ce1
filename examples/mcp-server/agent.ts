// An agent that calls a tool of the MCP server. It finds the issuer by itself, and gets a token there.
// Copied out of this repository, it needs: npm install @modelcontextprotocol/client
import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const { ISSUER = 'http://localhost:8787', MCP_URL = 'https://mcp.example.com/mcp' } = process.env;
const { CLIENT_ID = '', CLIENT_SECRET = '' } = process.env;

const authProvider = new ClientCredentialsProvider({
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  // Without it, any MCP server would decide who receives the secret.
  expectedIssuer: ISSUER,
});
const client = new Client({ name: 'nightly-agent', version: '1.0.0' });
await client.connect(new StreamableHTTPClientTransport(new URL(MCP_URL), { authProvider }));
const { content } = await client.callTool({ name: 'read_report', arguments: { name: 'sales' } });
console.log(JSON.stringify(content));
await client.close();
