// Moments as people read them: how long ago, what o'clock, and the exact text for a title.

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `just now`, `42 s ago`, `5 min ago`, `3 h ago`, `12 d ago`; `in …` for a moment ahead. */
export function formatAgo(t_ms: number, now_ms: number): string {
  const gap = Math.abs(now_ms - t_ms);
  if (gap < 2 * SECOND_MS) return 'just now';
  const text = coarse(gap);
  return t_ms > now_ms ? `in ${text}` : `${text} ago`;
}

function coarse(gap_ms: number): string {
  const steps: [number, string][] = [
    [DAY_MS, 'd'],
    [HOUR_MS, 'h'],
    [MINUTE_MS, 'min'],
    [SECOND_MS, 's'],
  ];
  const [size, name] = steps.find(([step]) => gap_ms >= step) ?? [SECOND_MS, 's'];
  return `${Math.floor(gap_ms / size)}\u00a0${name}`;
}

/** The exact moment with its zone, for a `title` and for tables. */
export function formatExact(t_ms: number): string {
  const date = new Date(t_ms);
  return `${formatDate(date)} ${formatClock(date, true)} ${zoneName(date)}`;
}

function zoneName(date: Date): string {
  const part = new Intl.DateTimeFormat('en', { timeZoneName: 'short' })
    .formatToParts(date)
    .find(({ type }) => type === 'timeZoneName');
  return part?.value ?? '';
}

/** `15:04` or `15:04:05`, always 24 hours, in the zone of the browser. */
export function formatClock(date: Date, seconds: boolean): string {
  const parts = [date.getHours(), date.getMinutes()];
  if (seconds) parts.push(date.getSeconds());
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

/** `2026-11-20`. */
export function formatDate(date: Date): string {
  const year = String(date.getFullYear()).padStart(4, '0');
  const month = String(date.getMonth() + 1).padStart(2, '0');
  return `${year}-${month}-${String(date.getDate()).padStart(2, '0')}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * Labels of a time axis. A label that opens a new day carries the date instead of the clock;
 * `step_ms` is the distance between two ticks.
 */
export function formatTimeTicks(ticks_ms: readonly number[], step_ms: number): string[] {
  return ticks_ms.map((tick) => {
    const date = new Date(tick);
    const midnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
    if (midnight || step_ms >= DAY_MS) return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
    return formatClock(date, step_ms < MINUTE_MS);
  });
}

/** An ISO time of the API in milliseconds, or nothing if it is absent or no time. */
export function parseIso(text: string | null | undefined): number | null {
  if (!text) return null;
  // A time without a zone is UTC: that is what the server means by it.
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`;
  const t_ms = Date.parse(zoned);
  return Number.isNaN(t_ms) ? null : t_ms;
}
