// The value axis: zero at the bottom, nothing cut off at the top.
import { expect, test } from 'vitest';
import { valueRange } from './plot';

test('a known top is kept', () => {
  expect(valueRange(3, 40, 100, 'percent')).toEqual([0, 100]);
});

test('a value above the known top stays in sight', () => {
  const [low, high] = valueRange(3, 130, 100, 'percent');
  expect(low).toBe(0);
  expect(high).toBeGreaterThan(130);
});

test('without a top there is room above the highest value', () => {
  const [low, high] = valueRange(20, 50, null, 'none');
  expect(low).toBe(0);
  expect(high).toBeGreaterThan(50);
  expect(high).toBeLessThan(70);
});

test.each([[0], [null]])('where all is %s the axis still has a height', (value) => {
  const [low, high] = valueRange(value, value, null, 'bytes_per_second');
  expect(low).toBe(0);
  expect(high).toBeGreaterThanOrEqual(1000);
});

test('a value below zero stays in sight', () => {
  const [low, high] = valueRange(-20, -5, null, 'celsius');
  expect(low).toBeLessThan(-20);
  expect(high).toBeGreaterThanOrEqual(0);
});
