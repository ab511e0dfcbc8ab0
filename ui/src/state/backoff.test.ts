// Retries: further apart each time, within bounds.
import { expect, test } from 'vitest';
import { backoff_ms } from './backoff';

test('the pause doubles up to a bound', () => {
  const pauses = [0, 1, 2, 3, 4, 5, 1000].map((attempt) => backoff_ms(attempt, 0.5));
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
});

test('chance spreads it by a quarter to either side', () => {
  expect(backoff_ms(2, 0)).toBe(3_000);
  expect(backoff_ms(2, 0.999)).toBe(4_998);
});
