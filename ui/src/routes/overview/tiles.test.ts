// The tiles: what they say with all sensors, and with none.
import { expect, test } from 'vitest';
import type { HostValues } from '../../api/types';
import { tiles } from './tiles';

function check(values: HostValues | undefined): string[] {
  return tiles(values).map(({ id, figure, detail, share, judgement }) =>
    `${id}: ${figure.value} ${figure.unit} | ${detail} | ${share} | ${judgement}`.replaceAll(
      '\u00a0',
      ' ',
    ),
  );
}

test('a host with everything', () => {
  const gpu = {
    name: 'NVIDIA H200',
    memory_used_bytes: 1,
    memory_total_bytes: 2,
    power_watts: 3,
    utilization_percent: 50,
  };
  const values: HostValues = {
    cpu_percent_total: 90,
    cpu_percent_per_cpu: [80, 100],
    memory_used_percent: 96,
    memory_available_bytes: 2 ** 30,
    load1: 1,
    load5: 0.5,
    load15: 0.25,
    filesystems: [{ mountpoint: '/', size_bytes: 4 * 2 ** 30, avail_bytes: 2 ** 30 }],
    network_receive_bytes_per_second: 1_000_000,
    network_transmit_bytes_per_second: 2_000,
    gpus: [
      { ...gpu, gpu_id: '0', temperature_celsius: 40 },
      { ...gpu, gpu_id: '1', temperature_celsius: 95 },
    ],
  };
  expect(check(values)).toEqual([
    'cpu: 90 % | busiest core 100 % | 90 | warn',
    'memory: 96 % | 1.00 GiB free | 96 | crit',
    'load: 1  | over 5 min 0.50 | 50 | ok',
    'disk: 75 % | 1.00 GiB free, / | 75 | ok',
    'network: 1.00 MB/s | 2.00 kB/s out | null | ok',
    'gpu: 50 % | 95 °C, H200 | 50 | crit',
  ]);
});

test('a host that says nothing', () => {
  const nothing = [
    'cpu: –  |  | null | ok',
    'memory: –  |  | null | ok',
    'load: –  |  | null | ok',
    'disk: –  |  | null | ok',
    'network: –  |  | null | ok',
    'gpu: –  | no GPU | null | ok',
  ];
  expect(check({})).toEqual(nothing);
  expect(check(undefined)).toEqual(nothing);
});
