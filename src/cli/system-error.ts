/**
 * Describes an error of the operating system about a file or folder, in one sentence for the user.
 * @param path what was read or written, if the error itself does not say it
 * @returns undefined if it is another kind of error
 */
export function describeSystemError(error: unknown, path?: string): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  const named = 'path' in error && typeof error.path === 'string' ? error.path : path;
  if (named === undefined) return undefined;
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
      return `This user may not access ${named}. Change its permissions or its owner.`;
    case 'EROFS':
      return `${named} cannot be written: its file system is read-only.`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `${named} cannot be written: there is no space left.`;
    case 'EISDIR':
      return `${named} is a folder, but must be a file. Move it away.`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${named} cannot be used: there is a file in place of a folder. Move it away.`;
    case 'ENOENT':
      return `${named} does not exist.`;
    default:
      return `${named} cannot be used (${error.code}).`;
  }
}
