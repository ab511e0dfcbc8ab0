// Lines on one time axis: alignment of history, and what live points do to it.
import { expect, test } from 'vitest';
import { Frame, LINES_MAX } from './frame';

/** The frame as rows of `time: cells`, with `.` for no point and `gap` for null. */
function draw(frame: Frame): string[] {
  return frame.times.map((t_ms, row) => {
    const cells = frame.columns.map((column) => {
      const cell = column[row];
      return cell === undefined ? '.' : cell === null ? 'gap' : String(cell);
    });
    return `${t_ms}: ${cells.join(' ')}`;
  });
}

test('lines on the same grid keep their rows', () => {
  const frame = Frame.align([
    {
      name: 'a',
      points: [
        [1, 10],
        [2, null],
      ],
    },
    {
      name: 'b',
      points: [
        [1, 30],
        [2, 40],
      ],
    },
  ]);
  expect(frame.names).toEqual(['a', 'b']);
  expect(draw(frame)).toEqual(['1: 10 30', '2: gap 40']);
});

test('lines on different grids share one axis, and a missing point is no gap', () => {
  const frame = Frame.align([
    {
      name: 'a',
      points: [
        [1, 10],
        [3, 30],
      ],
    },
    {
      name: 'b',
      points: [
        [2, 20],
        [3, null],
        [4, 40],
      ],
    },
  ]);
  expect(draw(frame)).toEqual(['1: 10 .', '2: . 20', '3: 30 gap', '4: . 40']);
});

test('lines of the same length on shifted grids are still told apart', () => {
  const frame = Frame.align([
    {
      name: 'a',
      points: [
        [1, 10],
        [2, 20],
      ],
    },
    {
      name: 'b',
      points: [
        [1, 10],
        [3, 30],
      ],
    },
  ]);
  expect(draw(frame)).toEqual(['1: 10 10', '2: 20 .', '3: . 30']);
});

test('two lines of one name become one', () => {
  const frame = Frame.align([
    { name: 'a', points: [[1, 10]] },
    { name: 'a', points: [[2, 20]] },
  ]);
  expect(draw(frame)).toEqual(['1: 10', '2: 20']);
});

test('nothing stays nothing', () => {
  const frame = Frame.align([]);
  expect([draw(frame), frame.lastValue_ms()]).toEqual([[], -Infinity]);
});

test('the empty end of history is cut off at its last value', () => {
  const frame = Frame.align([
    {
      name: 'a',
      points: [
        [1, 10],
        [2, 20],
        [3, null],
        [4, null],
      ],
    },
  ]);
  frame.cutAfter(frame.lastValue_ms());
  expect(draw(frame)).toEqual(['1: 10', '2: 20']);
});

test('a live point adds a row, a new line, and leaves out the absent one', () => {
  const frame = Frame.align([{ name: 'a', points: [[1_000, 1]] }]);
  frame.append(2_000, { a: 2, b: 5 }, 1_000);
  frame.append(3_000, { b: 6 }, 1_000);
  expect(frame.names).toEqual(['a', 'b']);
  expect(draw(frame)).toEqual(['1000: 1 .', '2000: 2 5', '3000: . 6']);
});

test('a sensor that says null leaves a gap', () => {
  const frame = new Frame();
  frame.append(1_000, { a: null }, 1_000);
  expect(draw(frame)).toEqual(['1000: gap']);
});

test('a late or repeated point is ignored', () => {
  const frame = Frame.align([{ name: 'a', points: [[5_000, 1]] }]);
  frame.append(5_000, { a: 9 }, 1_000);
  frame.append(4_000, { a: 9 }, 1_000);
  expect(draw(frame)).toEqual(['5000: 1']);
});

test('points of one step share a row with their mean', () => {
  const frame = new Frame();
  frame.append(10_000, { a: 1 }, 10_000);
  frame.append(11_000, { a: 2 }, 10_000);
  frame.append(12_000, { a: null, b: 8 }, 10_000);
  frame.append(19_000, { a: 6 }, 10_000);
  frame.append(20_000, { a: 100 }, 10_000);
  expect(draw(frame)).toEqual(['19000: 3 8', '20000: 100 .']);
});

test('a live point never changes a row of history', () => {
  const frame = Frame.align([{ name: 'a', points: [[10_000, 1]] }]);
  frame.append(11_000, { a: 5 }, 10_000);
  expect(draw(frame)).toEqual(['10000: 1', '11000: 5']);
});

test('rows out of sight go, but the line still reaches the edge', () => {
  const frame = new Frame();
  for (let t = 1; t <= 300; t += 1) frame.append(t * 1_000, { a: t }, 1_000);
  frame.trimBefore(50_000);
  expect(frame.times).toHaveLength(300);
  frame.trimBefore(200_500);
  expect(frame.times[0]).toBe(200_000);
  expect(frame.columns[0]?.[0]).toBe(200);
  expect(frame.columns[0]).toHaveLength(frame.times.length);
});

test('a frame left alone for a day stays bounded', () => {
  const frame = new Frame();
  for (let t = 1; t <= 86_400; t += 1) frame.append(t * 1_000, { a: t }, 1_000);
  expect(frame.times.length).toBeLessThanOrEqual(6_000);
  expect(frame.times.at(-1)).toBe(86_400_000);
});

test('more lines than can be drawn are left out', () => {
  const lines = Array.from({ length: LINES_MAX + 5 }, (_, n) => ({ name: `l${n}`, points: [] }));
  const frame = Frame.align(lines);
  frame.append(1_000, { another: 1 }, 1_000);
  expect(frame.names).toHaveLength(LINES_MAX);
});
