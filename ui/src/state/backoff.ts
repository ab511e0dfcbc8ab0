// How long to wait before trying again: longer each time, never in step with the other browsers.

const FIRST_MS = 1_000;
const MAX_MS = 15_000;

/** The pause before retry number `attempt` (from 0); `random` is in [0, 1). */
export function backoff_ms(attempt: number, random: number): number {
  const full_ms = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(full_ms * (0.75 + 0.5 * random));
}
