// The shapes the server speaks, field by field as they stand in the JSON.

/** One second of this host. Any field may be missing: not every machine has every sensor. */
export interface Snapshot {
  /** Unix milliseconds. */
  t: number;
  host: string;
  values: HostValues;
}

type Maybe<T> = T | null | undefined;

export interface HostValues {
  cpu_percent_total?: Maybe<number>;
  cpu_percent_per_cpu?: Maybe<Maybe<number>[]>;
  memory_total_bytes?: Maybe<number>;
  memory_available_bytes?: Maybe<number>;
  memory_used_percent?: Maybe<number>;
  swap_used_bytes?: Maybe<number>;
  swap_total_bytes?: Maybe<number>;
  load1?: Maybe<number>;
  load5?: Maybe<number>;
  load15?: Maybe<number>;
  network_receive_bytes_per_second?: Maybe<number>;
  network_transmit_bytes_per_second?: Maybe<number>;
  disk_read_bytes_per_second?: Maybe<number>;
  disk_written_bytes_per_second?: Maybe<number>;
  filesystems?: Maybe<Filesystem[]>;
  gpus?: Maybe<Gpu[]>;
  /** Share of time (0 to 1) in which some task waited for the resource. */
  pressure?: Maybe<{ cpu?: Maybe<number>; memory?: Maybe<number>; io?: Maybe<number> }>;
  uptime_seconds?: Maybe<number>;
}

export interface Filesystem {
  mountpoint: string;
  size_bytes: number;
  avail_bytes: number;
}

export interface Gpu {
  gpu_id: string;
  name: string;
  utilization_percent?: Maybe<number>;
  memory_used_bytes?: Maybe<number>;
  memory_total_bytes?: Maybe<number>;
  power_watts?: Maybe<number>;
  temperature_celsius?: Maybe<number>;
}

/** `[Unix milliseconds, value]`; null marks a gap. */
export type Point = [number, number | null];

export interface RangeSeries {
  labels: Record<string, string>;
  points: Point[];
}

/** The answers to several questions, in the order of the questions. */
export interface RangesAnswer {
  start_ms: number;
  end_ms: number;
  step_ms: number;
  results: RangesResult[];
}

/** Either series or an error. */
export interface RangesResult {
  id: string;
  metric: string;
  series?: RangeSeries[];
  error?: { error: string; detail: string };
}

/** What to read from the store; `filters` are `name=value` or `name!=value`. */
export interface RangeQuery {
  metric: string;
  filters?: readonly string[];
  rate?: boolean;
  sum?: boolean;
}

export interface Service {
  id: number;
  name: string;
  status: string;
  last_check: string | null;
  last_status_change: string | null;
  endpoint: string | null;
}

export interface Pipeline {
  id: number;
  pipeline_type: string;
  service: string | null;
  status: string;
  start_time: string | null;
  end_time: string | null;
  error_message: string | null;
  metadata: Record<string, unknown> | null;
}

export interface Alert {
  id: number;
  service: string | null;
  pipeline_run: number | string | null;
  title: string;
  message: string;
  severity: 1 | 2 | 3;
  severity_name: string;
  timestamp: string;
  acknowledged: boolean;
  acknowledged_by: string | null;
  acknowledged_at: string | null;
}
