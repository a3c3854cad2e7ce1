import { type Problem, sentence } from '../api/problem.ts';
import { Button } from './button.tsx';
import { SafeText } from './safe-text.tsx';

/** Shows what went wrong, and offers to try again. */
export function ErrorBox({ problem, retry }: { readonly problem: Problem; readonly retry?: (() => void) | undefined }) {
  return (
    <div className="error-box" role="alert" tabIndex={-1}>
      <p>
        <SafeText text={sentence(problem)} />
      </p>
      {problem.requestId && <p className="faint small">Request {problem.requestId}</p>}
      {retry && (
        <Button size="small" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}
