import { connect, type Socket } from 'node:net';

/** A kept-alive HTTP/1.1 connection. It is closed on an answer without a `Content-Length`. */
export class Connection {
  readonly #socket: Socket;
  #received = '';
  #waiting: PromiseWithResolvers<number> | undefined;

  static async open(host: string, port: number): Promise<Connection> {
    const socket = connect({ host, port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    return new Connection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    // The missing answer reports the error.
    socket.on('error', () => {});
    socket.on('close', () => this.#waiting?.reject(new Error('The connection was closed.')));
  }

  /** Sends a request and waits for the whole answer. @returns its status @throws if the connection is closed before the answer */
  exchange(request: Buffer): Promise<number> {
    this.#waiting = Promise.withResolvers();
    this.#socket.write(request);
    return this.#waiting.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: string): void {
    this.#received += chunk;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#received.slice(0, headEnd))?.[1];
    if (length === undefined) {
      this.#socket.destroy();
    } else if (this.#received.length >= headEnd + 4 + Number(length)) {
      const status = Number(this.#received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
      this.#received = '';
      this.#waiting?.resolve(status);
    }
  }
}
