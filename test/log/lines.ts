import { expect, vi } from 'vitest';

/** A line as written to the console, with the console method. */
export interface Line {
  readonly method: 'log' | 'error';
  readonly text: string;
}

/** The parsed log line of a request. */
export type RequestLine = Record<string, unknown> & { readonly event: 'request'; readonly request_id: string };

/** Runs a function and returns the lines that it writes to the console. The console itself shows none of them. */
export async function consoleOf(during: () => unknown): Promise<Line[]> {
  const written: Line[] = [];
  const spies = (['log', 'info', 'warn', 'error', 'debug'] as const).map((method) =>
    vi.spyOn(console, method).mockImplementation((...args: unknown[]) => {
      expect([args.length, typeof args[0]], method).toEqual([1, 'string']);
      expect(['log', 'error']).toContain(method);
      written.push({ method: method as Line['method'], text: String(args[0]) });
    }),
  );
  try {
    await during();
    return written;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** Runs a function and returns the log lines of its requests, in the order of their answers. */
export async function requestLines(during: () => unknown): Promise<RequestLine[]> {
  const lines = await consoleOf(during);
  return lines.map(({ text }) => JSON.parse(text) as RequestLine).filter(({ event }) => event === 'request');
}

/** Returns the only log line of a request, without its varying fields. Its id must be that of the answer. */
export async function lineOf(request: () => Promise<Response>): Promise<Record<string, unknown>> {
  let answer: Response | undefined;
  const written = await consoleOf(async () => {
    answer = await request();
  });
  const parsed = written.map(({ method, text }) => ({ method, line: JSON.parse(text) as { event: string } }));
  // A gate's alarm may run at any time, so its lines are ignored.
  const lines = parsed.filter((one) => one.line.event !== 'gate_alarm');
  expect(lines).toHaveLength(1);
  expect(lines[0]?.method).toBe((answer?.status ?? 0) >= 500 ? 'error' : 'log');
  const { request_id, ms, ...line } = (lines[0]?.line ?? {}) as Partial<RequestLine>;
  expect(request_id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(answer?.headers.get('X-Request-Id')).toBe(request_id);
  expect(line.status).toBe(answer?.status);
  expect(ms).toBeGreaterThanOrEqual(0);
  return line;
}
