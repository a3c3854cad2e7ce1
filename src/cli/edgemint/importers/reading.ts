import { isJsonObject, type JsonObject } from '../../../lib/json.ts';

// Exports come from many versions of other programs. These functions read a member if it has the expected type, and treat it as missing
// otherwise.

export function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

export function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** Returns a text that is not empty. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.flatMap((item) => textOf(item) ?? []) : [];
}

/** Returns a number, also if it is written as a text. */
export function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** Whether a value is true, also if it is written as a text. */
export function isTrue(value: unknown): boolean {
  return value === true || value === 'true';
}

/** Returns the words of a text, such as the scopes of RFC 6749. */
export function wordsOf(value: unknown): string[] {
  return textOf(value)?.split(/\s+/).filter(Boolean) ?? [];
}

/**
 * Parses the JSON values of a text: one, or several after one another, as a loop of shell commands writes them.
 * @returns undefined if it is not JSON
 */
export function parseJsonValues(text: string): unknown[] | undefined {
  try {
    return [JSON.parse(text)];
  } catch {
    const parts = splitJson(text);
    try {
      return parts.length > 1 ? parts.map((part) => JSON.parse(part)) : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Splits a text after each object or list at its top level. */
function splitJson(text: string): string[] {
  const parts: string[] = [];
  let [depth, start, isInString] = [0, 0, false];
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (isInString) {
      if (character === '\\') index++;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') {
      depth--;
      if (depth > 0) continue;
      parts.push(text.slice(start, index + 1));
      start = index + 1;
    }
  }
  const rest = text.slice(start).trim();
  return rest === '' ? parts : [...parts, rest];
}
