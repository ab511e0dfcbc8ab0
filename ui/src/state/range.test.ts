// Ranges: what people type, what stands in the URL, and where zooming leads.
import { expect, test } from 'vitest';
import {
  DEFAULT_RANGE,
  parseMoment,
  parseSpan,
  quickName,
  QUICK_NAMES,
  rangeFromQuery,
  rangeIntoQuery,
  rangeOf,
  settle,
  spellSpan,
  zoomIn,
  zoomOut,
  type Range,
} from './range';

const NOW_MS = Date.UTC(2026, 10, 20, 12);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

test.each([
  ['5m', 5 * MINUTE_MS],
  ['90s', 90_000],
  ['24h', 24 * HOUR_MS],
  ['7d', 7 * 24 * HOUR_MS],
  [' 1w ', 7 * 24 * HOUR_MS],
  ['5', null],
  ['m', null],
  ['-5m', null],
  ['5 m', null],
  ['1.5h', null],
])('the span %j lasts %s ms', (text, span_ms) => {
  expect(parseSpan(text)).toBe(span_ms);
});

test('every quick name is spelt as it is read', () => {
  for (const name of QUICK_NAMES) expect(spellSpan(parseSpan(name) ?? 0)).toBe(name);
});

test.each([
  ['now', NOW_MS],
  ['now-3h', NOW_MS - 3 * HOUR_MS],
  ['now-x', null],
  ['now+3h', null],
  [String(NOW_MS), NOW_MS],
  [String(NOW_MS / 1000), NOW_MS],
  ['2026-11-20T12:00:00Z', NOW_MS],
  ['yesterday', null],
  ['', null],
])('the moment %j is %s', (text, t_ms) => {
  expect(parseMoment(text, NOW_MS)).toBe(t_ms);
});

test.each<[string, string, Range | string]>([
  ['now-3h', 'now', { kind: 'live', span_ms: 3 * HOUR_MS }],
  ['now-3h', 'now-1h', { kind: 'fixed', from_ms: NOW_MS - 3 * HOUR_MS, to_ms: NOW_MS - HOUR_MS }],
  ['soon', 'now', 'not a time: “soon”'],
  ['now-1h', 'later', 'not a time: “later”'],
  ['now', 'now-1h', 'the end must come after the start'],
  ['now', 'now', 'the end must come after the start'],
  // Narrower than a chart can show, wider than anything is kept.
  ['now-1s', 'now', { kind: 'live', span_ms: 5_000 }],
  ['now-9999d', 'now', { kind: 'live', span_ms: 400 * 24 * HOUR_MS }],
])('from %s to %s', (from, to, range) => {
  expect(rangeOf(from, to, NOW_MS)).toEqual(range);
});

test.each<[string, Range]>([
  ['', DEFAULT_RANGE],
  ['from=now-6h', { kind: 'live', span_ms: 6 * HOUR_MS }],
  ['from=now-6h&to=now', { kind: 'live', span_ms: 6 * HOUR_MS }],
  ['from=nonsense&to=now', DEFAULT_RANGE],
  [`from=${NOW_MS}&to=${NOW_MS - 1}`, DEFAULT_RANGE],
])('the query %j', (query, range) => {
  expect(rangeFromQuery(new URLSearchParams(query), NOW_MS)).toEqual(range);
});

test.each<[Range, string]>([
  [DEFAULT_RANGE, 'metric=up'],
  [{ kind: 'live', span_ms: 24 * HOUR_MS }, 'metric=up&from=now-24h&to=now'],
  [{ kind: 'live', span_ms: 90_000 }, 'metric=up&from=now-90s&to=now'],
  [
    { kind: 'fixed', from_ms: NOW_MS - HOUR_MS, to_ms: NOW_MS },
    `metric=up&from=${NOW_MS - HOUR_MS}&to=${NOW_MS}`,
  ],
])('%j goes into the query and comes back', (range, text) => {
  const query = new URLSearchParams('metric=up&from=now-7d&to=now');
  rangeIntoQuery(range, query);
  expect(query.toString()).toBe(text);
  expect(rangeFromQuery(query, NOW_MS)).toEqual(range);
});

test('only a live range of a quick length has a quick name', () => {
  expect(quickName({ kind: 'live', span_ms: HOUR_MS })).toBe('1h');
  expect(quickName({ kind: 'live', span_ms: HOUR_MS + 1 })).toBeNull();
  expect(quickName({ kind: 'fixed', from_ms: 0, to_ms: HOUR_MS })).toBeNull();
});

test('a live range ends at the present', () => {
  expect(settle({ kind: 'live', span_ms: 10 }, 100)).toEqual({ from_ms: 90, to_ms: 100 });
  expect(settle({ kind: 'fixed', from_ms: 1, to_ms: 2 }, 100)).toEqual({ from_ms: 1, to_ms: 2 });
});

test('a window drawn from right to left is the same window', () => {
  const window = { kind: 'fixed', from_ms: NOW_MS - HOUR_MS, to_ms: NOW_MS };
  expect(zoomIn(NOW_MS, NOW_MS - HOUR_MS)).toEqual(window);
});

test('a window of a pixel grows to what can be shown, around its middle', () => {
  expect(zoomIn(NOW_MS, NOW_MS)).toEqual({
    kind: 'fixed',
    from_ms: NOW_MS - 2_500,
    to_ms: NOW_MS + 2_500,
  });
});

test.each<[Range, Range]>([
  [
    { kind: 'live', span_ms: HOUR_MS },
    { kind: 'live', span_ms: 2 * HOUR_MS },
  ],
  [
    { kind: 'fixed', from_ms: NOW_MS - 10 * HOUR_MS, to_ms: NOW_MS - 8 * HOUR_MS },
    { kind: 'fixed', from_ms: NOW_MS - 11 * HOUR_MS, to_ms: NOW_MS - 7 * HOUR_MS },
  ],
  // It would reach past the present: it follows the present instead.
  [
    { kind: 'fixed', from_ms: NOW_MS - 2 * HOUR_MS, to_ms: NOW_MS },
    { kind: 'live', span_ms: 3 * HOUR_MS },
  ],
])('zooming out of %j gives %j', (before, after) => {
  expect(zoomOut(before, NOW_MS)).toEqual(after);
});
