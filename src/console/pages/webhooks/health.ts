interface HealthFields {
  readonly status?: string;
  readonly disabled_reason: string | null;
  readonly failing_since: string | null;
}

export interface Health {
  readonly tone: 'good' | 'bad' | 'neutral';
  readonly label: string;
  /** What it means and what to do. Undefined if nothing is to be done. */
  readonly advice?: string;
}

/** Returns how a webhook is doing. */
export function healthOf({ status, disabled_reason, failing_since }: HealthFields): Health {
  if (disabled_reason === 'gone') {
    const advice =
      'The receiver answered 410, so the service disabled the webhook. Correct the URL or enable it again.';
    return { tone: 'bad', label: 'Disabled: gone', advice };
  }
  if (disabled_reason === 'failing') {
    const advice =
      'No event arrived for days, so the service disabled the webhook. Repair the receiver, then enable it again.';
    return { tone: 'bad', label: 'Disabled: failing', advice };
  }
  if (status === 'disabled')
    return { tone: 'neutral', label: 'Disabled', advice: 'It is sent nothing, and no events are kept for it.' };
  if (failing_since !== null) {
    return {
      tone: 'bad',
      label: 'Failing',
      advice: 'The last attempt failed. The service tries again, for three days at most.',
    };
  }
  return { tone: 'good', label: 'Healthy' };
}

const FAULTS: Readonly<Record<string, string>> = {
  status: 'another status than 2xx',
  redirect: 'a redirect, which is not followed',
  deadline: 'no answer within 15 seconds',
  network: 'no connection',
  address: 'a URL that is not allowed any more',
  event_purged: 'the event is not kept any more',
};

/** Returns how the receiver answered last. */
export function lastAnswer({
  last_status,
  last_fault,
  attempts,
}: {
  last_status: number | null;
  last_fault: string | null;
  attempts: number;
}): string {
  if (last_fault !== null && last_fault !== 'status') return FAULTS[last_fault] ?? last_fault;
  if (last_status !== null) return `HTTP ${last_status}`;
  return attempts === 0 ? 'Not sent yet' : 'None';
}
