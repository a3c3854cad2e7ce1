/** Saves a file from the page. @param name the name that is proposed */
export function download(name: string, file: Blob): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the file after the click, and has begun by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
