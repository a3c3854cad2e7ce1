/** The values of variables by name. */
type Environment = Readonly<Record<string, string | undefined>>;

/** `${NAME}` stands for a variable. Each further dollar sign is an escape: `$${NAME}` is the text `${NAME}`. */
const VARIABLE = /(\$+)\{([A-Za-z_]\w*)\}/g;
/** A whole value that is not a text, if it is not quoted. */
const NOT_A_TEXT = /^(?:0|-?[1-9]\d{0,14}|true|false)$/;

export interface Expanded {
  readonly value: unknown;
  /** The names of the variables that the text contains. */
  readonly names: readonly string[];
  /** Those of them that are not set. */
  readonly missing: readonly string[];
}

/**
 * Replaces the variables of a text.
 * @param isPlain whether it is a YAML value without quotes: a variable that is all of it may then be a number or a truth value
 */
export function expandVariables(text: string, env: Environment, isPlain: boolean): Expanded {
  const names = new Set<string>();
  const expanded = text.replace(VARIABLE, (_, dollars: string, name: string) => {
    if (dollars.length > 1) return `${dollars.slice(1)}{${name}}`;
    names.add(name);
    return env[name] ?? '';
  });
  const isWhole = isPlain && /^\$\{\w+\}$/.test(text) && NOT_A_TEXT.test(expanded);
  const value: unknown = isWhole ? JSON.parse(expanded) : expanded;
  return { value, names: [...names], missing: [...names].filter((name) => env[name] === undefined) };
}

/** Writes a text so that none of it is a variable. */
export function escapeVariables(text: string): string {
  return text.replace(VARIABLE, (found) => `$${found}`);
}
