declare module 'node:util' {
  export function inspect(value: unknown, options?: object): string;
}
