/** The characters of a parameter `scope`: those of scope names, and spaces between them. */
export const SCOPES = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
