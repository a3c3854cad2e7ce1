interface HeapUsage {
  readonly usedSize: number;
  readonly embedderHeapUsedSize: number;
  readonly backingStorageSize: number;
}

/**
 * Returns the bytes that a Worker's isolate uses: JavaScript objects, those of the runtime that belong to them, and buffers.
 * @param port the `inspectorPort` with which it was started
 */
export async function heapBytes(port: number): Promise<number> {
  // Connected only for this one question, so that the runtime keeps nothing for an inspector meanwhile.
  const socket = new WebSocket(`ws://127.0.0.1:${port}/core:user:worker`);
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      socket.addEventListener('open', () => socket.send(JSON.stringify({ id: 1, method: 'Runtime.getHeapUsage' })));
      socket.addEventListener('message', ({ data }: MessageEvent<string>) => resolve(data));
      socket.addEventListener('error', () => reject(new Error(`No inspector at port ${port}.`)));
    });
    const { result } = JSON.parse(answer) as { result: HeapUsage };
    return result.usedSize + result.embedderHeapUsedSize + result.backingStorageSize;
  } finally {
    socket.close();
  }
}
