// Which questions travel together, and what becomes of each.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { QUERIES_MAX, RangeBatcher, type Outcome } from './batcher';
import type { RangeQuery } from './types';

const WINDOW = { from_ms: 0, to_ms: 60_000, points: 300 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function query(metric: string): RangeQuery {
  return { metric };
}

/** Answers each question with one series that carries its name, or fails it if it is called `bad`. */
function echo({ metric }: RangeQuery): Outcome {
  if (metric === 'bad') return { error: new Error('too many series') };
  return { series: [{ labels: { metric }, points: [] }] };
}

function batcher() {
  const sent: { metrics: string[]; from_ms: number; points: number; signal: AbortSignal }[] = [];
  const asks = new RangeBatcher((queries, { from_ms, points }, signal) => {
    sent.push({ metrics: queries.map(({ metric }) => metric), from_ms, points, signal });
    return Promise.resolve(queries.map(echo));
  });
  return { asks, sent };
}

test('questions of one moment leave together, and each gets its own answer', async () => {
  const { asks, sent } = batcher();
  const answers = Promise.all(['a', 'b', 'a'].map((metric) => asks.ask(query(metric), WINDOW)));
  expect(sent).toEqual([]);
  await vi.runAllTimersAsync();
  expect(sent.map(({ metrics }) => metrics)).toEqual([['a', 'b', 'a']]);
  const names = (await answers).map((series) => series[0]?.labels['metric']);
  expect(names).toEqual(['a', 'b', 'a']);
});

test('a later question leaves later', async () => {
  const { asks, sent } = batcher();
  void asks.ask(query('a'), WINDOW);
  await vi.runAllTimersAsync();
  void asks.ask(query('b'), WINDOW);
  await vi.runAllTimersAsync();
  expect(sent.map(({ metrics }) => metrics)).toEqual([['a'], ['b']]);
});

test('windows that differ by less than a second are one, others are not', async () => {
  const { asks, sent } = batcher();
  void asks.ask(query('a'), WINDOW);
  void asks.ask(query('later'), { ...WINDOW, from_ms: 7, to_ms: 60_007 });
  void asks.ask(query('longer'), { ...WINDOW, from_ms: -1_000 });
  void asks.ask(query('further'), { ...WINDOW, to_ms: 61_000 });
  void asks.ask(query('finer'), { ...WINDOW, points: 600 });
  await vi.runAllTimersAsync();
  expect(sent.map(({ metrics }) => metrics)).toEqual([
    ['a', 'later'],
    ['longer'],
    ['further'],
    ['finer'],
  ]);
  expect(sent.map(({ points }) => points)).toEqual([300, 300, 300, 600]);
  expect(sent[0]?.from_ms).toBe(0);
});

test('no batch is larger than the server takes', async () => {
  const { asks, sent } = batcher();
  for (let n = 0; n < QUERIES_MAX + 1; n += 1) void asks.ask(query(`m${n}`), WINDOW);
  await vi.runAllTimersAsync();
  expect(sent.map(({ metrics }) => metrics.length)).toEqual([QUERIES_MAX, 1]);
});

test('a question that fails fails alone', async () => {
  const { asks } = batcher();
  const good = asks.ask(query('good'), WINDOW);
  const bad = expect(asks.ask(query('bad'), WINDOW)).rejects.toThrow('too many series');
  await vi.runAllTimersAsync();
  await bad;
  expect(await good).toHaveLength(1);
});

test('a request that fails fails all its questions', async () => {
  const asks = new RangeBatcher(() => Promise.reject(new Error('offline')));
  const all = ['a', 'b'].map((metric) =>
    expect(asks.ask(query(metric), WINDOW)).rejects.toThrow('offline'),
  );
  await vi.runAllTimersAsync();
  await Promise.all(all);
});

test('an answer that is too short leaves nobody waiting', async () => {
  const asks = new RangeBatcher(() => Promise.resolve([]));
  const gap = expect(asks.ask(query('a'), WINDOW)).rejects.toThrow('gap');
  await vi.runAllTimersAsync();
  await gap;
});

test('what is stopped before it leaves is not asked', async () => {
  const { asks, sent } = batcher();
  const stop = new AbortController();
  const stopped = expect(asks.ask(query('a'), WINDOW, stop.signal)).rejects.toThrow();
  const other = asks.ask(query('b'), WINDOW);
  stop.abort();
  await vi.runAllTimersAsync();
  await Promise.all([stopped, other]);
  expect(sent.map(({ metrics }) => metrics)).toEqual([['b']]);
  await expect(asks.ask(query('c'), WINDOW, stop.signal)).rejects.toThrow();
  await vi.runAllTimersAsync();
  expect(sent).toHaveLength(1);
});

test('a batch of which everything is stopped never leaves', async () => {
  const { asks, sent } = batcher();
  const stop = new AbortController();
  const stopped = expect(asks.ask(query('a'), WINDOW, stop.signal)).rejects.toThrow();
  stop.abort();
  await vi.runAllTimersAsync();
  await stopped;
  expect(sent).toEqual([]);
});

test('a request under way stops when nobody waits for it any more, not before', async () => {
  let signal: AbortSignal | undefined;
  const asks = new RangeBatcher((_queries, _window, given) => {
    signal = given;
    return new Promise(() => undefined);
  });
  const stops = [new AbortController(), new AbortController()];
  const ended = stops.map((stop) =>
    expect(asks.ask(query('a'), WINDOW, stop.signal)).rejects.toThrow(),
  );
  await vi.runAllTimersAsync();
  stops[0]?.abort();
  expect(signal?.aborted).toBe(false);
  stops[1]?.abort();
  expect(signal?.aborted).toBe(true);
  await Promise.all(ended);
});
