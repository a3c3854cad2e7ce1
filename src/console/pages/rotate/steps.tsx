import { Icon } from '../../ui/icon.tsx';
import { STEPS, type Step } from './rotation.ts';

const LABELS: Readonly<Record<Step, string>> = {
  create: 'Create a new secret',
  deploy: 'Deploy it',
  watch: 'Watch the old one',
  delete: 'Delete the old one',
};

/** The steps of a rotation, with the one that it stands at. */
export function Steps({ current }: { readonly current: Step }) {
  const at = STEPS.indexOf(current);
  return (
    <ol className="rotate-steps" aria-label="Steps of the rotation">
      {STEPS.map((step, index) => (
        <li
          key={step}
          className={index < at ? 'rotate-done' : undefined}
          aria-current={step === current ? 'step' : undefined}
        >
          <span className="rotate-number" aria-hidden="true">
            {index < at ? <Icon name="check" /> : index + 1}
          </span>
          {LABELS[step]}
        </li>
      ))}
    </ol>
  );
}
