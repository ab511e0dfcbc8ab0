// The small readings behind the lists: states, metadata, names, search.
import { expect, test } from 'vitest';
import { statusKind, urgency, type StatusKind } from '../design/status';
import { matching } from './metric-search';
import { metadataText, progressOf } from './pipeline-metadata';
import { seriesName } from './series-name';

test.each<[string, StatusKind]>([
  ['up', 'ok'],
  ['UP', 'ok'],
  ['Down', 'crit'],
  ['degraded', 'warn'],
  ['running', 'active'],
  ['maintenance', 'maintenance'],
  ['unknown', 'unknown'],
  ['frobnicating', 'unknown'],
  ['constructor', 'unknown'],
])('the word %s is %s', (word, kind) => {
  expect(statusKind(word)).toBe(kind);
});

test('what is wrong comes first, then what is not known', () => {
  const kinds: StatusKind[] = ['ok', 'unknown', 'crit', 'active', 'warn', 'maintenance'];
  expect(kinds.sort((a, b) => urgency(b) - urgency(a))).toEqual([
    'crit',
    'warn',
    'unknown',
    'maintenance',
    'active',
    'ok',
  ]);
});

test.each<[Record<string, unknown> | null, number | null, string]>([
  [{ epoch: 5, loss: 0.234, progress: 45 }, 45, 'epoch 5 · loss 0.234'],
  [{ progress: 'half', step: 'download' }, null, 'progress half · step download'],
  [{ progress: 140 }, null, 'progress 140'],
  [{ shape: [1, 2] }, null, 'shape [1,2]'],
  [{}, null, ''],
  [null, null, ''],
])('the metadata %j', (metadata, progress, text) => {
  expect(progressOf(metadata)).toBe(progress);
  expect(metadataText(metadata)).toBe(text);
});

test('endless metadata is cut', () => {
  expect(metadataText({ log: 'x'.repeat(5_000) })).toHaveLength(161);
});

test.each([
  ['', ['node_load1', 'cpu_percent', 'node_cpu_seconds']],
  ['cpu', ['cpu_percent', 'node_cpu_seconds']],
  ['SEC cpu', ['node_cpu_seconds']],
  ['nothing', []],
])('a search for %j', (search, found) => {
  expect(matching(['node_load1', 'cpu_percent', 'node_cpu_seconds'], search)).toEqual(found);
});

test('a series is named by its labels, or by what stands for all', () => {
  expect(seriesName({ __name__: 'x', device: 'eth0', mode: 'rx' }, 'x')).toBe(
    'device=eth0, mode=rx',
  );
  expect(seriesName({ __name__: 'x' }, 'sum')).toBe('sum');
});
