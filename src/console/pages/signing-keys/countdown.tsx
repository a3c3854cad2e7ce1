import { useEffect, useState } from 'react';
import { duration } from './timeline.ts';

/** Returns the current time in milliseconds. It changes every second. */
export function useSecond(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** The time that is left until a moment. @param to milliseconds since the epoch */
export function Countdown({ to }: { readonly to: number }) {
  const left = (to - useSecond()) / 1000;
  return <span className="keys-countdown">{left <= 0 ? 'now' : duration(left)}</span>;
}
