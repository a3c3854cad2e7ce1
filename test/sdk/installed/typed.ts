import { discover, kvStore, SdkError, tokenSource } from 'edgemint-sdk/client';

declare const namespace: Parameters<typeof kvStore>[0];

const source = tokenSource({
  issuer: 'https://auth.example.com',
  client: { id: 'machine', secret: async () => 'secret' },
  resource: 'https://orders.example',
  fetch,
  store: kvStore(namespace),
  onEvent: (event) => {
    if (event.type === 'failure') console.log(event.error.code, event.nextAttemptMs);
  },
});
try {
  const { access_token, token_type, expires_at } = await source.token({ signal: AbortSignal.timeout(1000) });
  console.log(access_token satisfies string, token_type satisfies 'Bearer' | 'DPoP', expires_at satisfies number);
  const response = await source.fetch(new URL('https://orders.example/orders'), { method: 'POST', body: 'a' });
  console.log(response.status satisfies number);
  const { token_endpoint } = await discover('https://auth.example.com', { requestTimeoutMs: 5000 });
  console.log(token_endpoint satisfies string | undefined);
} catch (error) {
  if (error instanceof SdkError && error.isTemporary) console.log(error.code satisfies string, error.retryAfter);
}
