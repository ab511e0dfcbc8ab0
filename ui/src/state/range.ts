// The time range a screen shows: its type, its spelling in the URL, and zooming.
// It never reads the clock: `now_ms` arrives as an argument.

/** Either a window that follows the present, or one that stands still. */
export type Range =
  { kind: 'live'; span_ms: number } | { kind: 'fixed'; from_ms: number; to_ms: number };

/** A window with both ends settled. */
export interface Span {
  from_ms: number;
  to_ms: number;
}

const UNIT_MS: Record<string, number> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** The names on the quick buttons, shortest first. */
export const QUICK_NAMES = ['5m', '15m', '1h', '6h', '24h', '7d', '30d'] as const;
export const DEFAULT_RANGE: Range = { kind: 'live', span_ms: 15 * 60_000 };

const SPAN_MS_MIN = 5_000;
const SPAN_MS_MAX = 400 * 86_400_000;

/** `90s`, `15m`, `24h`, `7d` in milliseconds; nothing if it is no duration. */
export function parseSpan(text: string): number | null {
  const match = /^(\d{1,9})([smhdw])$/.exec(text.trim());
  if (!match) return null;
  const unit_ms = UNIT_MS[match[2] ?? ''];
  return unit_ms === undefined ? null : Number(match[1]) * unit_ms;
}

/** The shortest spelling of a duration that `parseSpan` reads back. */
export function spellSpan(span_ms: number): string {
  // 24h and 48h read better than 1d and 2d next to the other buttons.
  const units = span_ms > 2 * 86_400_000 ? ['d', 'h', 'm', 's'] : ['h', 'm', 's'];
  const unit = units.find((name) => span_ms % (UNIT_MS[name] ?? 1) === 0) ?? 's';
  return `${Math.round(span_ms / (UNIT_MS[unit] ?? 1000))}${unit}`;
}

/** `now`, `now-3h`, Unix seconds or milliseconds, or an ISO time, in milliseconds. */
export function parseMoment(text: string, now_ms: number): number | null {
  const trimmed = text.trim();
  if (trimmed === 'now') return now_ms;
  if (trimmed.startsWith('now-')) {
    const back_ms = parseSpan(trimmed.slice('now-'.length));
    return back_ms === null ? null : now_ms - back_ms;
  }
  if (/^\d{1,14}$/.test(trimmed)) {
    const number = Number(trimmed);
    // Eleven digits of seconds are the year 5138: anything longer is milliseconds.
    return number < 1e11 ? number * 1000 : number;
  }
  const t_ms = Date.parse(trimmed);
  return Number.isNaN(t_ms) ? null : t_ms;
}

/** The range of two typed moments, or why it is none. */
export function rangeOf(from: string, to: string, now_ms: number): Range | string {
  const from_ms = parseMoment(from, now_ms);
  const to_ms = parseMoment(to, now_ms);
  if (from_ms === null) return `not a time: “${from}”`;
  if (to_ms === null) return `not a time: “${to}”`;
  if (to_ms <= from_ms) return 'the end must come after the start';
  if (to.trim() === 'now') return { kind: 'live', span_ms: clampSpan(to_ms - from_ms) };
  return { kind: 'fixed', ...clampAround(from_ms, to_ms) };
}

/** Reads `from` and `to` of a query string; anything odd falls back to the default. */
export function rangeFromQuery(query: URLSearchParams, now_ms: number): Range {
  const from = query.get('from');
  if (from === null) return DEFAULT_RANGE;
  const range = rangeOf(from, query.get('to') ?? 'now', now_ms);
  return typeof range === 'string' ? DEFAULT_RANGE : range;
}

/** Writes the range into a query string; the default leaves no trace. */
export function rangeIntoQuery(range: Range, query: URLSearchParams): void {
  query.delete('from');
  query.delete('to');
  if (range.kind === 'fixed') {
    query.set('from', String(Math.round(range.from_ms)));
    query.set('to', String(Math.round(range.to_ms)));
  } else if (range.span_ms !== (DEFAULT_RANGE as { span_ms: number }).span_ms) {
    query.set('from', `now-${spellSpan(range.span_ms)}`);
    query.set('to', 'now');
  }
}

/** The name of the quick button that stands for this range, if one does. */
export function quickName(range: Range): string | null {
  if (range.kind === 'fixed') return null;
  return QUICK_NAMES.find((name) => parseSpan(name) === range.span_ms) ?? null;
}

/** Both ends of the range, seen from `now_ms`. */
export function settle(range: Range, now_ms: number): Span {
  if (range.kind === 'fixed') return { from_ms: range.from_ms, to_ms: range.to_ms };
  return { from_ms: now_ms - range.span_ms, to_ms: now_ms };
}

/** A window drawn with the pointer, at least as wide as a chart can show. */
export function zoomIn(from_ms: number, to_ms: number): Range {
  return { kind: 'fixed', ...clampAround(Math.min(from_ms, to_ms), Math.max(from_ms, to_ms)) };
}

/** Twice the window around the same middle; never past the present, where it becomes live again. */
export function zoomOut(range: Range, now_ms: number): Range {
  if (range.kind === 'live') return { kind: 'live', span_ms: clampSpan(range.span_ms * 2) };
  const half_ms = (range.to_ms - range.from_ms) / 2;
  const from_ms = range.from_ms - half_ms;
  const to_ms = range.to_ms + half_ms;
  if (to_ms < now_ms) return { kind: 'fixed', ...clampAround(from_ms, to_ms) };
  return { kind: 'live', span_ms: clampSpan(Math.round((now_ms - from_ms) / 1000) * 1000) };
}

function clampSpan(span_ms: number): number {
  return Math.min(SPAN_MS_MAX, Math.max(SPAN_MS_MIN, span_ms));
}

function clampAround(from_ms: number, to_ms: number): Span {
  const middle_ms = (from_ms + to_ms) / 2;
  const half_ms = clampSpan(to_ms - from_ms) / 2;
  return { from_ms: Math.round(middle_ms - half_ms), to_ms: Math.round(middle_ms + half_ms) };
}
