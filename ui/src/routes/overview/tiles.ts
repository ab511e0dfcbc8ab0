// The figures at the top of the overview, each with a line of detail and the chart it leads to.
import type { Gpu, HostValues } from '../../api/types';
import { figure, format, MISSING, type Figure } from '../../format/number';
import {
  cores,
  fullest,
  gpuPercent,
  hottest,
  judge,
  loadPerCore,
  memoryPercent,
  usedPercent,
  worst,
  type Judgement,
} from './health';

export interface Tile {
  id: string;
  title: string;
  figure: Figure;
  detail: string;
  /** How much of the whole is in use, 0 to 100; null where there is no whole. */
  share: number | null;
  judgement: Judgement;
  /** The `id` of the panel below that shows its past. */
  panel: string;
}

export function tiles(values: HostValues | undefined): Tile[] {
  const known = values ?? {};
  return [cpu(known), memory(known), load(known), disk(known), network(known), gpu(known)];
}

function cpu(values: HostValues): Tile {
  const total = values.cpu_percent_total ?? null;
  const each = (values.cpu_percent_per_cpu ?? []).filter((one) => typeof one === 'number');
  return {
    id: 'cpu',
    title: 'CPU',
    figure: figure(total, 'percent'),
    detail: each.length > 1 ? `busiest core ${format(Math.max(...each), 'percent')}` : '',
    share: total,
    judgement: judge('cpu_percent', total),
    panel: 'cpu',
  };
}

function memory(values: HostValues): Tile {
  const percent = memoryPercent(values);
  const available = values.memory_available_bytes;
  return {
    id: 'memory',
    title: 'Memory',
    figure: figure(percent, 'percent'),
    detail: typeof available === 'number' ? `${format(available, 'bytes')} free` : '',
    share: percent,
    judgement: judge('memory_percent', percent),
    panel: 'memory',
  };
}

function load(values: HostValues): Tile {
  const perCore = loadPerCore(values);
  const n_cores = cores(values);
  return {
    id: 'load',
    title: 'Load',
    figure: figure(values.load1, 'none'),
    detail: typeof values.load5 === 'number' ? `over 5 min ${format(values.load5, 'none')}` : '',
    share: n_cores > 0 && perCore !== null ? Math.min(100, perCore * 100) : null,
    judgement: judge('load_per_core', perCore),
    panel: 'load',
  };
}

function disk(values: HostValues): Tile {
  const filesystem = fullest(values);
  const percent = filesystem ? usedPercent(filesystem) : null;
  return {
    id: 'disk',
    title: 'Disk',
    figure: figure(percent, 'percent'),
    detail: filesystem
      ? `${format(filesystem.avail_bytes, 'bytes')} free, ${filesystem.mountpoint}`
      : '',
    share: percent,
    judgement: judge('disk_percent', percent),
    panel: 'filesystems',
  };
}

function network(values: HostValues): Tile {
  const { network_receive_bytes_per_second: received, network_transmit_bytes_per_second: sent } =
    values;
  return {
    id: 'network',
    title: 'Network in',
    figure: figure(received, 'bytes_per_second'),
    detail: typeof sent === 'number' ? `${format(sent, 'bytes_per_second')} out` : '',
    share: null,
    judgement: 'ok',
    panel: 'network',
  };
}

function gpu(values: HostValues): Tile {
  const gpus = values.gpus ?? [];
  const percent = gpuPercent(gpus);
  const hot = hottest(gpus);
  return {
    id: 'gpu',
    title: gpus.length > 1 ? `${gpus.length} GPUs` : 'GPU',
    figure: gpus.length === 0 ? { value: MISSING, unit: '' } : figure(percent, 'percent'),
    detail: gpus.length === 0 ? 'no GPU' : gpuDetail(gpus, hot),
    share: percent,
    judgement: worst([judge('gpu_celsius', hot)]),
    panel: 'gpu',
  };
}

function gpuDetail(gpus: readonly Gpu[], hot: number | null): string {
  const names = new Set(gpus.map(({ name }) => name.replace(/^NVIDIA /, '')));
  const name = names.size === 1 ? [...names].join('') : 'mixed';
  return hot === null ? name : `${format(hot, 'celsius')}, ${name}`;
}
