/** The mark of Edgemint. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" />
      <path d="M9 9h14v3.4H12.8v2.9h8.6v3.3h-8.6v2.9H23V25H9z" />
    </svg>
  );
}
