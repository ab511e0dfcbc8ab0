// The charts of the overview: which stored metric and which live value make each line.
import type { Gpu, HostValues, RangeQuery } from '../../api/types';
import type { Cell, Line } from '../../chart/frame';
import type { PanelSpec, Source } from '../../chart/panel';

const PERCENT_TOP = (): number => 100;

/** A source whose series is one line with a fixed name. */
function line(name: string, query: RangeQuery, scale = 1): Source {
  return { query, name: () => name, scale };
}

function summedRate(name: string, metric: string, filters: string[] = []): Source {
  return line(name, { metric, filters, rate: true, sum: true });
}

export const CPU_TOTAL: PanelSpec = {
  id: 'cpu',
  title: 'CPU',
  unit: 'percent',
  sources: [line('all cores', { metric: 'cpu_percent_total' })],
  live: (values) => ({ 'all cores': values.cpu_percent_total }),
  top: PERCENT_TOP,
};

export const CPU_PER_CORE: PanelSpec = {
  id: 'cpu',
  title: 'CPU',
  unit: 'percent',
  sources: [
    {
      query: { metric: 'cpu_percent_per_cpu' },
      name: (labels) => coreName(labels['core'] ?? labels['cpu'] ?? ''),
    },
  ],
  derive: (lines) =>
    [...lines].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })),
  live: (values) =>
    Object.fromEntries(
      (values.cpu_percent_per_cpu ?? []).map((value, core) => [coreName(String(core)), value]),
    ),
  top: PERCENT_TOP,
};

function coreName(core: string): string {
  return `core ${core}`;
}

export const MEMORY: PanelSpec = {
  id: 'memory',
  title: 'Memory',
  unit: 'bytes',
  sources: [
    line('total', { metric: 'memory_virtual_total_bytes' }),
    line('available', { metric: 'memory_virtual_available_bytes' }),
    line('swap used', { metric: 'memory_swap_used_bytes' }),
  ],
  derive: usedFromAvailable,
  live: (values) => ({
    used: difference(values.memory_total_bytes, values.memory_available_bytes),
    available: values.memory_available_bytes,
    'swap used': values.swap_used_bytes,
  }),
  top: (values) => values?.memory_total_bytes ?? null,
};

function difference(total: Cell, available: Cell): Cell {
  return typeof total === 'number' && typeof available === 'number' ? total - available : null;
}

/**
 * "Used" is what is not available, in history as in the live stream. The kernel's own count of
 * used bytes leaves caches out in another way, so the two would not meet at the seam.
 */
export function usedFromAvailable(lines: Line[]): Line[] {
  const total = lines.find(({ name }) => name === 'total');
  const available = lines.find(({ name }) => name === 'available');
  const rest = lines.filter((one) => one !== total && one !== available);
  if (!total || !available) return [...(available ? [available] : []), ...rest];
  const totalAt = new Map(total.points);
  const used: Line = {
    name: 'used',
    points: available.points.map(([t_ms, value]) => [
      t_ms,
      difference(totalAt.get(t_ms), value) ?? null,
    ]),
  };
  return [used, available, ...rest];
}

export const NETWORK: PanelSpec = {
  id: 'network',
  title: 'Network',
  unit: 'bytes_per_second',
  sources: [
    summedRate('received', 'node_network_receive_bytes_total', ['device!=lo']),
    summedRate('sent', 'node_network_transmit_bytes_total', ['device!=lo']),
  ],
  live: (values) => ({
    received: values.network_receive_bytes_per_second,
    sent: values.network_transmit_bytes_per_second,
  }),
};

export const DISK: PanelSpec = {
  id: 'disk',
  title: 'Disk',
  unit: 'bytes_per_second',
  sources: [
    summedRate('read', 'node_disk_read_bytes_total'),
    summedRate('written', 'node_disk_written_bytes_total'),
  ],
  live: (values) => ({
    read: values.disk_read_bytes_per_second,
    written: values.disk_written_bytes_per_second,
  }),
};

export const LOAD: PanelSpec = {
  id: 'load',
  title: 'Load',
  unit: 'none',
  sources: [
    line('1 min', { metric: 'node_load1' }),
    line('5 min', { metric: 'node_load5' }),
    line('15 min', { metric: 'node_load15' }),
  ],
  live: (values) => ({ '1 min': values.load1, '5 min': values.load5, '15 min': values.load15 }),
};

/** Waiting seconds per second are a share of time; the chart shows it in per cent. */
function waiting(name: string, resource: string): Source {
  const metric = `node_pressure_${resource}_waiting_seconds_total`;
  return line(name, { metric, rate: true, sum: true }, 100);
}

export const PRESSURE: PanelSpec = {
  id: 'pressure',
  title: 'Pressure: share of time spent waiting',
  unit: 'percent',
  sources: [waiting('CPU', 'cpu'), waiting('memory', 'memory'), waiting('I/O', 'io')],
  live: ({ pressure }) => ({
    CPU: percent(pressure?.cpu),
    memory: percent(pressure?.memory),
    'I/O': percent(pressure?.io),
  }),
};

function percent(share: number | null | undefined): Cell {
  return typeof share === 'number' ? share * 100 : null;
}

type GpuField = 'utilization_percent' | 'memory_used_bytes' | 'power_watts' | 'temperature_celsius';

function gpuPanel(
  id: string,
  title: string,
  unit: PanelSpec['unit'],
  field: GpuField,
  top?: PanelSpec['top'],
): PanelSpec {
  return {
    id,
    title,
    unit,
    sources: [
      { query: { metric: `gpu_${field}` }, name: (labels) => gpuName(labels['gpu_id'] ?? '') },
    ],
    live: (values) =>
      Object.fromEntries((values.gpus ?? []).map((gpu) => [gpuName(gpu.gpu_id), gpu[field]])),
    ...(top ? { top } : {}),
  };
}

function gpuName(gpu_id: string): string {
  return `GPU ${gpu_id}`;
}

function largestMemory(values: HostValues | undefined): number | null {
  const sizes = (values?.gpus ?? []).map((gpu: Gpu) => gpu.memory_total_bytes ?? 0);
  return sizes.length > 0 ? Math.max(...sizes) : null;
}

export const GPU_PANELS: readonly PanelSpec[] = [
  gpuPanel('gpu', 'GPU utilisation', 'percent', 'utilization_percent', PERCENT_TOP),
  gpuPanel('gpu-memory', 'GPU memory used', 'bytes', 'memory_used_bytes', largestMemory),
  gpuPanel('gpu-power', 'GPU power', 'watts', 'power_watts'),
  gpuPanel('gpu-temperature', 'GPU temperature', 'celsius', 'temperature_celsius'),
];
