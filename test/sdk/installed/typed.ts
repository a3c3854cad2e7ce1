import { discover, SdkError } from 'edgemint-sdk/client';

try {
  const { token_endpoint } = await discover('https://auth.example.com', { fetch, requestTimeoutMs: 5000 });
  console.log(token_endpoint satisfies string | undefined);
} catch (error) {
  if (error instanceof SdkError && error.isTemporary) console.log(error.code satisfies string, error.retryAfter);
}
