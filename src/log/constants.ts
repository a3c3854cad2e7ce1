/** The longest text in a log line, in characters. Longer texts are cut off. */
export const LOG_TEXT_LENGTH_MAX = 200;
