// Figures and axis labels, case by case.
import { expect, test } from 'vitest';
import {
  figure,
  format,
  formatDuration,
  formatTicks,
  isCounter,
  unitOfMetric,
  type Unit,
} from './number';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

test.each<[number | null | undefined, Unit, string]>([
  [12.5, 'percent', '13 %'],
  [1.26, 'percent', '1.3 %'],
  [0, 'percent', '0 %'],
  [9.96, 'percent', '10 %'],
  [null, 'percent', '–'],
  [undefined, 'bytes', '–'],
  [Number.NaN, 'none', '–'],
  [Infinity, 'none', '–'],
  [0, 'bytes', '0 B'],
  [1023, 'bytes', '1023 B'],
  [1024, 'bytes', '1.00 KiB'],
  [1023.9 * 1024, 'bytes', '1.00 MiB'],
  [16_750_372_454, 'bytes', '15.6 GiB'],
  [999, 'bytes_per_second', '999 B/s'],
  [999.9, 'bytes_per_second', '1.00 kB/s'],
  [347_100, 'bytes_per_second', '347 kB/s'],
  [12_340_000, 'bytes_per_second', '12.3 MB/s'],
  [-2048, 'bytes', '-2.00 KiB'],
  [4.2, 'per_second', '4.20 /s'],
  [8_100, 'per_second', '8.10 k/s'],
  [0.25, 'seconds', '250 ms'],
  [71.4, 'celsius', '71 °C'],
  [312.6, 'watts', '313 W'],
  [1_204_221, 'none', '1.20 M'],
])('%s as %s is %s', (value, unit, text) => {
  expect(plain(format(value, unit))).toBe(text);
});

test('a figure keeps its unit apart', () => {
  expect(figure(494_000, 'bytes_per_second')).toEqual({ value: '494', unit: 'kB/s' });
});

test.each([
  [0.004, '4 ms'],
  [42, '42 s'],
  [60, '1 min'],
  [185, '3 min 5 s'],
  [7_200, '2 h'],
  [1_087_200, '12 d 14 h'],
  // The step between is zero: days and minutes would read as if hours were forgotten.
  [86_460, '1 d'],
])('%s seconds last %s', (seconds, text) => {
  expect(plain(formatDuration(seconds))).toBe(text);
});

test.each<[number[], Unit, string[]]>([
  [[0, 25, 50, 100], 'percent', ['0', '25 %', '50 %', '100 %']],
  [[0, 500_000, 1_000_000], 'bytes_per_second', ['0', '0.5 MB/s', '1.0 MB/s']],
  [[0, 4 * 2 ** 30, 8 * 2 ** 30], 'bytes', ['0', '4 GiB', '8 GiB']],
  [[0, 1000], 'none', ['0', '1 k']],
  [[0, 0.5, 1], 'none', ['0', '0.5', '1.0']],
  [[-10, 0, 10], 'celsius', ['-10 °C', '0', '10 °C']],
])('ticks %j in %s read %j', (ticks, unit, labels) => {
  expect(formatTicks(ticks, unit).map(plain)).toEqual(labels);
});

test.each<[string, boolean, Unit]>([
  ['node_network_receive_bytes_total', true, 'bytes_per_second'],
  ['node_filesystem_avail_bytes', false, 'bytes'],
  ['cpu_percent_total', false, 'percent'],
  ['node_cpu_seconds_total', true, 'none'],
  ['http_requests_total', true, 'per_second'],
  ['gpu_power_watts', false, 'watts'],
  ['gpu_temperature_celsius', false, 'celsius'],
  ['node_load1', false, 'none'],
])('%s (rate: %s) is in %s', (name, rate, unit) => {
  expect(unitOfMetric(name, rate)).toBe(unit);
});

test.each([
  ['node_disk_read_bytes_total', true],
  ['http_request_duration_seconds_bucket', true],
  ['cpu_percent_total', false],
  ['memory_virtual_total_bytes', false],
  ['node_load1', false],
])('%s is a counter: %s', (name, counter) => {
  expect(isCounter(name)).toBe(counter);
});
