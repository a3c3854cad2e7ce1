import { createHash, X509Certificate } from 'node:crypto';

/** A self-signed certificate for localhost with its key, made for tests alone. It is the server's and the client's. */
export const TLS = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgV5xmb8D7a6d8BcnU
wqo8uVEjTwrsnT1UiuS2q2JenEihRANCAAR+cCBjz+IJnLZqx0Z6pCP4g+bMIGd3
eNXemt05LrKOnrj1lAMMZyBdjLqLnjbH+w7yFUJFlSkX6l/gJWgERZp7
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBljCCATugAwIBAgIUNrvvGQA/cMpeCZLWTrpP/r7dASIwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTA1MDk0MloYDzIxMjYxMTA1
MDUwOTQyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR+cCBjz+IJnLZqx0Z6pCP4g+bMIGd3eNXemt05LrKOnrj1lAMMZyBd
jLqLnjbH+w7yFUJFlSkX6l/gJWgERZp7o2kwZzAdBgNVHQ4EFgQU/t5HlMdBlU76
KV2JglWDr9pRZYwwHwYDVR0jBBgwFoAU/t5HlMdBlU76KV2JglWDr9pRZYwwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SQAwRgIhALrCgfj0WVVAVHNoeJuR/10G91xyNaVgHxvKUz+oM0WyAiEA3Ap0Tlfj
RvFpomfUq090Fkw3lse+7eG+vVHB3jcqZXo=
-----END CERTIFICATE-----
`,
};

/** The certificate in DER. */
export const CERTIFICATE = new X509Certificate(TLS.cert).raw;

/** Its SHA-256 digest in hexadecimal, as Cloudflare reports it. */
export const FINGERPRINT = createHash('sha256').update(CERTIFICATE).digest('hex');

/** Its SHA-256 digest, as in `x5t#S256`. */
export const THUMBPRINT = createHash('sha256').update(CERTIFICATE).digest('base64url');
