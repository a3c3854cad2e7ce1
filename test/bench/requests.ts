/** The request that a measurement repeats: a POST if it has a form, else a GET. */
export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  /** Headers and fields that take turns, such as those of many clients. They are added to the others. */
  readonly turns?: readonly Part[];
  /** Makes headers and fields that only one request may use, such as an assertion. They are added to the others, the turn's included. */
  readonly once?: (turn: number) => Promise<Part>;
  /** How often each turn is taken before the clock runs. Absent: once. */
  readonly warmUps?: number;
}

export interface Part extends Partial<Pick<Target, 'headers' | 'form'>> {
  /** The client whose turn it is. */
  readonly clientId?: string;
}

type Request = Pick<Target, 'url' | 'headers' | 'form'>;

/** Returns the request of a turn. */
export async function requestOf(target: Target, turn = 0): Promise<Request> {
  const { turns = [] } = target;
  return merged(target, turns[turn % turns.length], await target.once?.(turn));
}

/** Prepares all requests of a measurement as bytes, in the order of their turns. Only one-time requests are counted. */
export async function prepareRequests(target: Target, count: number): Promise<() => Buffer> {
  const { once, turns } = target;
  if (!once) {
    const all = turns ? turns.map((turn) => requestBytes(merged(target, turn))) : [requestBytes(target)];
    let next = 0;
    return () => all[next++ % all.length] as Buffer;
  }
  const made: Buffer[] = [];
  while (made.length < count) {
    const some = Array.from({ length: 100 }, (_, index) => requestOf(target, made.length + index));
    made.push(...(await Promise.all(some)).map(requestBytes));
  }
  made.reverse();
  return () => {
    const request = made.pop();
    if (!request) throw new Error('The target answered more requests than were prepared.');
    return request;
  };
}

function merged(target: Target, ...parts: readonly (Part | undefined)[]): Request {
  const { url, headers, form } = target;
  const forms = [form, ...parts.map((part) => part?.form)].filter((one) => one !== undefined);
  return {
    url,
    headers: Object.assign({}, headers, ...parts.map((part) => part?.headers)),
    ...(forms.length > 0 && { form: Object.assign({}, ...forms) }),
  };
}

function requestBytes({ url, headers, form }: Request): Buffer {
  const { host, pathname, search } = new URL(url);
  const body = new URLSearchParams(form).toString();
  const type = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': String(body.length) };
  const lines = Object.entries({ Host: host, ...(form && type), ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.from(`${form ? 'POST' : 'GET'} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}
