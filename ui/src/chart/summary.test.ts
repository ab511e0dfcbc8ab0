// A chart in words and as a table.
import { expect, test } from 'vitest';
import { Frame } from './frame';
import { stats, summarise, tableRows } from './summary';

const frame = Frame.align([
  {
    name: 'read',
    points: [
      [1_000, 10],
      [2_000, null],
      [3_000, 30],
      [4_000, 99],
    ],
  },
  {
    name: 'silent',
    points: [
      [1_000, null],
      [4_000, 7],
    ],
  },
]);

test('only what lies in the window counts, and a gap is no zero', () => {
  expect(stats(frame, 1_000, 3_000)).toEqual([
    { name: 'read', last: 30, lowest: 10, highest: 30, mean: 20 },
  ]);
});

test('the sentence names window, lines and figures', () => {
  const text = summarise('Disk', frame, 'percent', 1_000, 3_000).replaceAll('\u00a0', ' ');
  expect(text).toMatch(/^Disk, 1970-01-01 [\d:]+ to 1970-01-01 [\d:]+\. /);
  expect(text).toContain('read: last 30 %, lowest 10 %, highest 30 %, mean 20 %.');
  expect(text).not.toContain('silent');
});

test('no data is said to be none', () => {
  expect(summarise('Disk', new Frame(), 'percent', 0, 1)).toMatch(/: no data\.$/);
});

test('many lines are counted, not read out', () => {
  const many = Frame.align(
    Array.from({ length: 9 }, (_, n) => ({ name: `core ${n}`, points: [[1, n]] as const })).map(
      ({ name }) => ({ name, points: [[1, 1]] }),
    ),
  );
  expect(summarise('CPU', many, 'percent', 0, 2)).toMatch(/5 more lines\.$/);
});

test('the table has the newest row first and at most as many as asked for', () => {
  expect(tableRows(frame, 1_000, 4_000, 60).map(({ t_ms }) => t_ms)).toEqual([
    4_000, 3_000, 2_000, 1_000,
  ]);
  expect(tableRows(frame, 1_000, 4_000, 2).map(({ t_ms }) => t_ms)).toEqual([4_000, 2_000]);
  expect(tableRows(frame, 1_000, 1_000, 9)[0]?.cells).toEqual([10, null]);
});
