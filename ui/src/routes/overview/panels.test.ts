// History and live stream must meet: the same line name and the same scale on both sides.
import { expect, test } from 'vitest';
import type { HostValues } from '../../api/types';
import type { PanelSpec } from '../../chart/panel';
import {
  CPU_PER_CORE,
  CPU_TOTAL,
  DISK,
  GPU_PANELS,
  LOAD,
  MEMORY,
  NETWORK,
  PRESSURE,
  usedFromAvailable,
} from './panels';

const VALUES: HostValues = {
  cpu_percent_total: 5,
  cpu_percent_per_cpu: [4],
  memory_total_bytes: 100,
  memory_available_bytes: 60,
  swap_used_bytes: 1,
  load1: 1,
  load5: 2,
  load15: 3,
  network_receive_bytes_per_second: 1,
  network_transmit_bytes_per_second: 2,
  disk_read_bytes_per_second: 3,
  disk_written_bytes_per_second: 4,
  pressure: { cpu: 0.25, memory: 0, io: 0.5 },
  gpus: [
    {
      gpu_id: '0',
      name: 'A',
      utilization_percent: 1,
      memory_used_bytes: 2,
      memory_total_bytes: 8,
      power_watts: 3,
      temperature_celsius: 4,
    },
  ],
};

const LABELS = { core: '0', gpu_id: '0' };

/** The names of the lines that stored series become. */
function storedNames(spec: PanelSpec): string[] {
  const lines = spec.sources.map((source) => ({ name: source.name(LABELS), points: [] }));
  return (spec.derive?.(lines) ?? lines).map(({ name }) => name);
}

const panels = [CPU_TOTAL, CPU_PER_CORE, MEMORY, NETWORK, DISK, LOAD, PRESSURE, ...GPU_PANELS];

test.each(panels.map((spec) => [`${spec.id}, ${spec.title}`, spec] as const))(
  '%s names its lines alike in history and live',
  (_, spec) => {
    const now = spec.live?.(VALUES) ?? {};
    expect(Object.keys(now)).toEqual(storedNames(spec));
    expect(Object.values(now).every((value) => typeof value === 'number')).toBe(true);
  },
);

test('a share of time is shown in per cent on both sides', () => {
  expect(PRESSURE.live?.(VALUES)).toEqual({ CPU: 25, memory: 0, 'I/O': 50 });
  expect(PRESSURE.sources.map(({ scale }) => scale)).toEqual([100, 100, 100]);
});

test('a host without a sensor gives no number', () => {
  for (const spec of panels) {
    const values = Object.values(spec.live?.({}) ?? {});
    expect(values.every((value) => typeof value !== 'number')).toBe(true);
  }
});

test('used memory is what is not available, point by point', () => {
  const lines = usedFromAvailable([
    {
      name: 'total',
      points: [
        [1, 100],
        [2, 100],
        [3, null],
      ],
    },
    {
      name: 'available',
      points: [
        [1, 60],
        [2, null],
        [3, 50],
        [4, 40],
      ],
    },
    { name: 'swap used', points: [[1, 7]] },
  ]);
  expect(lines.map(({ name }) => name)).toEqual(['used', 'available', 'swap used']);
  expect(lines[0]?.points).toEqual([
    [1, 40],
    [2, null],
    [3, null],
    [4, null],
  ]);
});

test('without a total the rest is still shown', () => {
  const lines = usedFromAvailable([{ name: 'available', points: [[1, 60]] }]);
  expect(lines.map(({ name }) => name)).toEqual(['available']);
});

test('cores are sorted as numbers', () => {
  const names = ['core 10', 'core 2', 'core 1'].map((name) => ({ name, points: [] }));
  expect(CPU_PER_CORE.derive?.(names).map(({ name }) => name)).toEqual([
    'core 1',
    'core 2',
    'core 10',
  ]);
});
