// Moments in words, on clocks and on axes.
import { expect, test } from 'vitest';
import { formatAgo, formatClock, formatDate, formatTimeTicks, parseIso } from './time';

const NOW_MS = Date.UTC(2026, 10, 20, 12);

test.each([
  [0, 'just now'],
  [1_999, 'just now'],
  [42_000, '42 s ago'],
  [59_999, '59 s ago'],
  [60_000, '1 min ago'],
  [3 * 3_600_000, '3 h ago'],
  [12 * 86_400_000, '12 d ago'],
  [-90_000, 'in 1 min'],
])('%s ms back is %s', (back_ms, text) => {
  expect(formatAgo(NOW_MS - back_ms, NOW_MS).replaceAll('\u00a0', ' ')).toBe(text);
});

test.each<[string | null | undefined, number | null]>([
  ['2026-11-20T12:00:00Z', NOW_MS],
  ['2026-11-20T13:00:00+01:00', NOW_MS],
  ['2026-11-20T12:00:00.000000+00:00', NOW_MS],
  // Without a zone it is the server's UTC, not the browser's zone.
  ['2026-11-20T12:00:00', NOW_MS],
  ['soon', null],
  ['', null],
  [null, null],
  [undefined, null],
])('the API time %s is %s', (text, t_ms) => {
  expect(parseIso(text)).toBe(t_ms);
});

test('a clock has 24 hours and leading zeros', () => {
  const date = new Date(2026, 0, 5, 7, 4, 9);
  expect(formatClock(date, true)).toBe('07:04:09');
  expect(formatClock(date, false)).toBe('07:04');
  expect(formatDate(date)).toBe('2026-01-05');
});

test('an axis shows seconds only where ticks are closer than a minute', () => {
  const at = new Date(2026, 10, 20, 15, 4, 30).getTime();
  expect(formatTimeTicks([at], 30_000)).toEqual(['15:04:30']);
  expect(formatTimeTicks([at], 300_000)).toEqual(['15:04']);
});

test('the tick at midnight names the day', () => {
  const midnight = new Date(2026, 10, 20).getTime();
  expect(formatTimeTicks([midnight - 3_600_000, midnight], 3_600_000)).toEqual(['23:00', '20 Nov']);
  expect(formatTimeTicks([midnight + 3_600_000], 86_400_000)).toEqual(['20 Nov']);
});
