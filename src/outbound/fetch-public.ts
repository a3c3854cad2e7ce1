import { addressFault } from './address.ts';

/** The fault: the URL is not allowed (`address`), the exchange took too long (`deadline`), or the connection failed (`network`). */
export type OutboundFault = 'address' | 'deadline' | 'network';

/** A request to the internet got no answer that could be used. The error contains nothing of the answer, which is text of a third party. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly fault: OutboundFault;

  constructor(fault: OutboundFault) {
    super(`outbound request: ${fault}`);
    this.fault = fault;
  }
}

export interface OutboundRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How long the exchange may take, from the request to the end of `read`, in milliseconds. */
  readonly deadlineMs: number;
}

/**
 * Sends a request to a public https URL (see `addressFault`). Follows no redirect, and lets no cache answer.
 * @param read reads what it needs of the answer, and throws nothing of its own. The rest of the answer is then cut off
 * @throws OutboundError
 */
export async function fetchPublic<T>(
  url: string,
  { method = 'GET', headers, body, deadlineMs }: OutboundRequest,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  if (addressFault(url) !== undefined) throw new OutboundError('address');
  const connection = new AbortController();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.abort();
  }, deadlineMs);
  try {
    const response = await fetch(url, {
      method,
      headers: { 'User-Agent': 'Edgemint', ...headers },
      redirect: 'manual',
      cache: 'no-store',
      signal: connection.signal,
      ...(body !== undefined && { body }),
    });
    return await read(response);
  } catch {
    throw new OutboundError(isLate ? 'deadline' : 'network');
  } finally {
    clearTimeout(timer);
    // Stops the transfer if the body was not read to its end.
    connection.abort();
  }
}
