// The verdict: one sentence for every state a host can be in.
import { expect, test } from 'vitest';
import type { HostValues, Service } from '../../api/types';
import { fullest, judge, memoryPercent, verdict } from './health';

const CALM: HostValues = {
  cpu_percent_total: 12,
  cpu_percent_per_cpu: [10, 14],
  memory_used_percent: 38,
  load1: 0.4,
  filesystems: [{ mountpoint: '/', size_bytes: 100, avail_bytes: 60 }],
};

function services(...states: string[]): Service[] {
  return states.map((status, id) => ({
    id,
    name: `s${id}`,
    status,
    last_check: null,
    last_status_change: null,
    endpoint: null,
  }));
}

function check(
  values: HostValues | undefined,
  states: string[] | undefined,
  n_alerts: number | undefined,
): string {
  const { kind, sentence } = verdict(values, states && services(...states), n_alerts);
  return `${kind}: ${sentence}`.replaceAll('\u00a0', ' ');
}

test.each<[HostValues | undefined, string[] | undefined, number | undefined, string]>([
  [undefined, undefined, undefined, 'unknown: Waiting for the first second of data.'],
  [CALM, undefined, undefined, 'ok: This host is calm: CPU 12 %, memory 38 %, disk 40 % full.'],
  [{}, [], 0, 'ok: This host is calm.'],
  [
    CALM,
    ['up', 'DOWN', 'up', 'unhealthy', 'up'],
    0,
    'crit: This host is calm: CPU 12 %, memory 38 %, disk 40 % full; 2 of 5 services down.',
  ],
  [{}, ['up', 'up'], 0, 'ok: This host is calm; all 2 services up.'],
  [{}, ['up'], 0, 'ok: This host is calm; its one service is up.'],
  [{}, ['up', 'unknown'], 0, 'ok: This host is calm; 1 of 2 services unknown.'],
  [{}, ['down'], 0, 'crit: This host is calm; 1 of 1 service down.'],
  [{}, [], 1, 'warn: This host is calm; 1 open alert.'],
  [
    { ...CALM, memory_used_percent: 91 },
    [],
    0,
    'warn: This host is busy: memory 91 %, CPU 12 %, disk 40 % full.',
  ],
  [
    { ...CALM, filesystems: [{ mountpoint: '/data', size_bytes: 100, avail_bytes: 2 }] },
    [],
    2,
    'crit: This host is in trouble: disk /data 98 % full, CPU 12 %, memory 38 %; 2 open alerts.',
  ],
  [
    { cpu_percent_per_cpu: [1, 1], load1: 8 },
    [],
    0,
    'crit: This host is in trouble: load 8 on 2 cores.',
  ],
  [
    {
      gpus: [
        { gpu_id: '0', name: 'A', utilization_percent: 40, temperature_celsius: 60 },
        { gpu_id: '1', name: 'A', utilization_percent: 60, temperature_celsius: 88 },
      ],
    },
    [],
    0,
    'warn: This host is busy: GPU at 88 °C, GPU 50 %.',
  ],
  [
    { gpus: [{ gpu_id: '0', name: 'A', utilization_percent: null }] },
    [],
    0,
    'ok: This host is calm.',
  ],
])('%j with services %j and %s alerts', (values, states, n_alerts, expected) => {
  expect(check(values, states, n_alerts)).toBe(expected);
});

test('the news has no figures, so that it is spoken only when something happens', () => {
  const first = verdict(CALM, services('up'), 0).news;
  expect(first).toBe('This host is calm; its one service is up');
  expect(verdict({ ...CALM, cpu_percent_total: 13 }, services('up'), 0).news).toBe(first);
});

test('a limit belongs to the worse side, and no value is no fault', () => {
  expect([84.9, 85, 95, null, undefined].map((value) => judge('cpu_percent', value))).toEqual([
    'ok',
    'warn',
    'crit',
    'ok',
    'ok',
  ]);
});

test('memory is counted from what is available where no share is given', () => {
  expect(memoryPercent({ memory_total_bytes: 200, memory_available_bytes: 50 })).toBe(75);
  expect(memoryPercent({ memory_total_bytes: 0, memory_available_bytes: 0 })).toBeNull();
  expect(memoryPercent({})).toBeNull();
});

test('the fullest filesystem is the one with the largest share, not the least space', () => {
  const filesystems = [
    { mountpoint: '/boot', size_bytes: 10, avail_bytes: 9 },
    { mountpoint: '/', size_bytes: 1000, avail_bytes: 100 },
    { mountpoint: '/empty', size_bytes: 0, avail_bytes: 0 },
  ];
  expect(fullest({ filesystems })?.mountpoint).toBe('/');
  expect(fullest({})).toBeNull();
});
