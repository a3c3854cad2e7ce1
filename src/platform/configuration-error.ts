/** A variable or secret is missing or malformed. The message is one sentence for the person who deploys; it contains no secret value. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}
