/** The URL of the console with a final slash, such as `https://auth.example.com/tenant/a/console/`. The script lies in `assets/` below it. */
export const CONSOLE_URL = new URL('../', String(import.meta.url));

/** The path of the console without a final slash. */
export const CONSOLE_PATH = CONSOLE_URL.pathname.replace(/\/$/, '');

/** The URL of the issuer without a final slash. */
export const ISSUER_URL = new URL('../', CONSOLE_URL).href.replace(/\/$/, '');

/** Returns the URL of an address of the console, such as `/organizations`. */
export function consoleUrl(address: string): string {
  return `${CONSOLE_PATH}${address}`;
}
