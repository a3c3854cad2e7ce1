import { shellWord } from '../../../lib/shell-word.ts';

// Puts values into code of several languages, so that no value can end its literal.

/** Returns a string literal of JavaScript. */
export function script(value: string): string {
  return `'${JSON.stringify(value).slice(1, -1).replaceAll(String.raw`\"`, '"').replaceAll("'", String.raw`\'`)}'`;
}

/** Returns a string literal of Go, Python or JSON. */
export function text(value: string): string {
  return JSON.stringify(value);
}

/** Returns a scalar of YAML. */
export function yaml(value: string): string {
  const isPlain =
    /^[A-Za-z][\w./@-]*(:\/\/[\w./:@-]*\w)?$/.test(value) && !/^(true|false|yes|no|on|off|null|y|n)$/i.test(value);
  return isPlain ? value : JSON.stringify(value);
}

/** Returns the option of curl that sends a parameter in the form. */
export function formOption(name: string, value: string): string {
  return /^[\w./:-]+$/.test(value) ? `-d ${name}=${value}` : `--data-urlencode ${shellWord(`${name}=${value}`)}`;
}
