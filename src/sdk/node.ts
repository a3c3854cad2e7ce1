export { fileStore } from './node/file-store.ts';
export { fileToken, kubernetes, spiffe } from './node/files.ts';
