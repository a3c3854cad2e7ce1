import { commandFor } from '../api/command.ts';
import { CallHint } from './call-hint.tsx';

interface ListHintProps {
  /** What is listed, as the last part of its path and the first word of its command. */
  readonly kind: string;
  readonly organizationId?: string | undefined;
}

/** Shows how to list the same in a script. */
export function ListHint({ kind, organizationId }: ListHintProps) {
  return (
    <CallHint
      call={{ method: 'get', path: `/v1/${kind}${organizationId ? `?organization_id=${organizationId}` : ''}` }}
      command={commandFor([kind, 'list'], { organization: organizationId })}
    />
  );
}
