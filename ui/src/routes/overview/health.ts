// Judges one second of the host: what is fine, what is high, and the sentence that says so.
import type { Filesystem, Gpu, HostValues, Service } from '../../api/types';
import { statusKind, type StatusKind } from '../../design/status';
import { format } from '../../format/number';

/** From which value on a figure is worth a word, and from which it is an emergency. */
const LIMITS = {
  cpu_percent: [85, 95],
  memory_percent: [85, 95],
  disk_percent: [85, 95],
  /** Runnable tasks per core. */
  load_per_core: [1.5, 3],
  gpu_celsius: [85, 92],
} as const;

export type Judgement = 'ok' | 'warn' | 'crit';

/** Where a value lies between its limits; a missing value is no fault. */
export function judge(limit: keyof typeof LIMITS, value: number | null | undefined): Judgement {
  if (value === null || value === undefined) return 'ok';
  const [warn, crit] = LIMITS[limit];
  if (value >= crit) return 'crit';
  return value >= warn ? 'warn' : 'ok';
}

export function worst(judgements: readonly Judgement[]): Judgement {
  if (judgements.includes('crit')) return 'crit';
  return judgements.includes('warn') ? 'warn' : 'ok';
}

export function memoryPercent(values: HostValues): number | null {
  if (typeof values.memory_used_percent === 'number') return values.memory_used_percent;
  const { memory_total_bytes: total, memory_available_bytes: available } = values;
  if (!total || typeof available !== 'number') return null;
  return ((total - available) / total) * 100;
}

export function usedPercent({ size_bytes, avail_bytes }: Filesystem): number {
  return size_bytes > 0 ? ((size_bytes - avail_bytes) / size_bytes) * 100 : 0;
}

/** The filesystem that will be full first, by share. */
export function fullest(values: HostValues): Filesystem | null {
  const [first] = [...(values.filesystems ?? [])].sort((a, b) => usedPercent(b) - usedPercent(a));
  return first ?? null;
}

export function cores(values: HostValues): number {
  return values.cpu_percent_per_cpu?.length ?? 0;
}

export function loadPerCore(values: HostValues): number | null {
  const n_cores = cores(values);
  return n_cores > 0 && typeof values.load1 === 'number' ? values.load1 / n_cores : null;
}

/** Mean utilisation of all GPUs that report one. */
export function gpuPercent(gpus: readonly Gpu[]): number | null {
  const known = gpus.map((gpu) => gpu.utilization_percent).filter((one) => typeof one === 'number');
  return known.length === 0 ? null : known.reduce((sum, one) => sum + one, 0) / known.length;
}

export function hottest(gpus: readonly Gpu[]): number | null {
  const known = gpus.map((gpu) => gpu.temperature_celsius).filter((one) => typeof one === 'number');
  return known.length === 0 ? null : Math.max(...known);
}

/** The host and what is known of its services, in one sentence. */
export interface Verdict {
  kind: StatusKind;
  sentence: string;
  /** The sentence without figures: it changes only when something happens. */
  news: string;
}

interface Part {
  text: string;
  judgement: Judgement;
}

/** Calm, busy or in trouble, with the figures that say why. */
export function verdict(
  values: HostValues | undefined,
  services: readonly Service[] | undefined,
  n_alerts: number | undefined,
): Verdict {
  if (!values) {
    return { kind: 'unknown', sentence: 'Waiting for the first second of data.', news: '' };
  }
  const parts = hostParts(values);
  const host = worst(parts.map(({ judgement }) => judgement));
  const mood = { ok: 'is calm', warn: 'is busy', crit: 'is in trouble' }[host];
  // What is wrong comes first; what is fine fills the sentence behind it.
  const told = [...parts].sort((a, b) => rank(b.judgement) - rank(a.judgement));
  const down = (services ?? []).filter(({ status }) => statusKind(status) === 'crit').length;
  const around = [serviceClause(services, down), alertClause(n_alerts)].filter((one) => one !== '');
  const figures = told.map(({ text }) => text).join(', ');
  const sentence = `This host ${mood}${figures && `: ${figures}`}`;
  return {
    kind: down > 0 ? 'crit' : host === 'ok' && n_alerts ? 'warn' : host,
    sentence: `${[sentence, ...around].join('; ')}.`,
    news: [`This host ${mood}`, ...around].join('; '),
  };
}

function rank(judgement: Judgement): number {
  return { ok: 0, warn: 1, crit: 2 }[judgement];
}

function hostParts(values: HostValues): Part[] {
  const parts: Part[] = [];
  const add = (text: string, judgement: Judgement): void => void parts.push({ text, judgement });

  const cpu = values.cpu_percent_total;
  if (typeof cpu === 'number') add(`CPU ${format(cpu, 'percent')}`, judge('cpu_percent', cpu));

  const memory = memoryPercent(values);
  if (memory !== null) {
    add(`memory ${format(memory, 'percent')}`, judge('memory_percent', memory));
  }

  const load = loadPerCore(values);
  if (judge('load_per_core', load) !== 'ok') {
    add(
      `load ${format(values.load1, 'none')} on ${cores(values)} cores`,
      judge('load_per_core', load),
    );
  }

  const disk = fullest(values);
  if (disk) {
    const percent = usedPercent(disk);
    const name = judge('disk_percent', percent) === 'ok' ? 'disk' : `disk ${disk.mountpoint}`;
    add(`${name} ${format(percent, 'percent')} full`, judge('disk_percent', percent));
  }

  const gpus = values.gpus ?? [];
  const gpu = gpuPercent(gpus);
  const hot = hottest(gpus);
  if (gpu !== null) add(`GPU ${format(gpu, 'percent')}`, 'ok');
  if (judge('gpu_celsius', hot) !== 'ok') {
    add(`GPU at ${format(hot, 'celsius')}`, judge('gpu_celsius', hot));
  }
  return parts;
}

function serviceClause(services: readonly Service[] | undefined, down: number): string {
  if (!services || services.length === 0) return '';
  const n = services.length;
  if (down > 0) return `${down} of ${n} ${n === 1 ? 'service' : 'services'} down`;
  const silent = services.filter(({ status }) => statusKind(status) === 'unknown').length;
  if (silent > 0) return `${silent} of ${n} ${n === 1 ? 'service' : 'services'} unknown`;
  return n === 1 ? 'its one service is up' : `all ${n} services up`;
}

function alertClause(n_alerts: number | undefined): string {
  if (!n_alerts) return '';
  return `${n_alerts} open ${n_alerts === 1 ? 'alert' : 'alerts'}`;
}
