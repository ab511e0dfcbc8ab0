// A made-up host whose every value is a function of time, so that history and live stream agree.

const GIB = 1024 ** 3;
const MEMORY_TOTAL = 15.6 * GIB;
const GPU_MEMORY_TOTAL = 80 * GIB;

/** A fraction in [0, 1) that depends on nothing but `n` and `seed`. */
function noise(n, seed) {
  const x = Math.sin(n * 12.9898 + seed * 78.233) * 43758.5453;
  return x - Math.floor(x);
}

/** Noise that moves smoothly, with one new value each `period_s`. */
function drift(t_s, period_s, seed) {
  const at = t_s / period_s;
  const whole = Math.floor(at);
  const share = at - whole;
  const ease = share * share * (3 - 2 * share);
  return noise(whole, seed) * (1 - ease) + noise(whole + 1, seed) * ease;
}

function core(t_s, n) {
  const base = 4 + 22 * drift(t_s, 240, n) + 10 * drift(t_s, 7, n + 50);
  const burst = drift(t_s, 90, 900 + n) > 0.82 ? 45 * drift(t_s, 9, n) : 0;
  return Math.min(100, base + burst);
}

function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const rates = {
  received: (t) => 180e3 + 2.4e6 * drift(t, 60, 3) ** 3 + 90e3 * drift(t, 4, 4),
  sent: (t) => 60e3 + 7e5 * drift(t, 75, 5) ** 3 + 40e3 * drift(t, 5, 6),
  read: (t) => 9e6 * drift(t, 45, 7) ** 6,
  written: (t) => 4e5 + 5e6 * drift(t, 30, 8) ** 4,
};

/** All values of the host at `t_s`; `options` says how many cores and GPUs it has. */
export function hostAt(t_s, { cores, gpus, trouble }) {
  const perCpu = Array.from({ length: cores }, (_, n) =>
    trouble ? 97 + 3 * noise(t_s, n) : core(t_s, n),
  );
  const available = MEMORY_TOTAL * (0.58 + 0.08 * drift(t_s, 400, 1));
  const load = (cores * average(perCpu)) / 100;
  return {
    cpu_percent_total: average(perCpu),
    cpu_percent_per_cpu: perCpu,
    memory_total_bytes: MEMORY_TOTAL,
    memory_available_bytes: available,
    memory_used_percent: (1 - available / MEMORY_TOTAL) * 100,
    swap_used_bytes: 0.31 * GIB,
    swap_total_bytes: 2 * GIB,
    load1: load * (0.8 + 0.4 * drift(t_s, 60, 11)),
    load5: cores * 0.16 * (0.9 + 0.2 * drift(t_s, 300, 12)),
    load15: cores * 0.155 * (0.95 + 0.1 * drift(t_s, 900, 13)),
    network_receive_bytes_per_second: rates.received(t_s),
    network_transmit_bytes_per_second: rates.sent(t_s),
    disk_read_bytes_per_second: rates.read(t_s),
    disk_written_bytes_per_second: rates.written(t_s),
    filesystems: [
      { mountpoint: '/', size_bytes: 440 * GIB, avail_bytes: 256 * GIB },
      {
        mountpoint: '/var/lib/data',
        size_bytes: 1800 * GIB,
        avail_bytes: (trouble ? 40 : 198) * GIB,
      },
      { mountpoint: '/boot/efi', size_bytes: 0.5 * GIB, avail_bytes: 0.47 * GIB },
    ],
    gpus: Array.from({ length: gpus }, (_, n) => gpuAt(t_s, n)),
    pressure: {
      cpu: 0.002 + 0.03 * drift(t_s, 50, 31) ** 3,
      memory: 0,
      io: 0.001 + 0.09 * drift(t_s, 45, 7) ** 6,
    },
    uptime_seconds: 1_051_200 + (t_s % 86_400),
  };
}

function gpuAt(t_s, n) {
  const utilization = 100 * Math.min(1, 0.55 + 0.6 * drift(t_s, 40, 200 + n));
  return {
    gpu_id: String(n),
    name: 'NVIDIA A100-SXM4-80GB',
    utilization_percent: utilization,
    memory_used_bytes: GPU_MEMORY_TOTAL * (0.92 - 0.07 * n),
    memory_total_bytes: GPU_MEMORY_TOTAL,
    power_watts: 90 + 3.1 * utilization,
    temperature_celsius: 38 + utilization * 0.32 + 4 * drift(t_s, 120, 300 + n),
  };
}

/** Each stored metric: its label sets and the value (or rate) of each at a moment. */
function catalogue(options) {
  const one = (read) => [[{}, (t) => read(hostAt(t, options))]];
  const perGpu = (field) =>
    Array.from({ length: options.gpus }, (_, n) => [
      { gpu_id: String(n), name: 'NVIDIA A100-SXM4-80GB' },
      (t) => hostAt(t, options).gpus[n][field],
    ]);
  const device = (rate) => [
    [{ device: 'eth0' }, rate],
    [{ device: 'lo' }, (t) => rate(t) * 0.3],
  ];
  const disk = (rate) => [[{ device: 'nvme0n1' }, rate]];
  const waiting = (resource) => one((host) => host.pressure[resource]);
  return {
    cpu_percent_total: one((host) => host.cpu_percent_total),
    cpu_percent_per_cpu: Array.from({ length: options.cores }, (_, n) => [
      { core: String(n) },
      (t) => hostAt(t, options).cpu_percent_per_cpu[n],
    ]),
    memory_virtual_total_bytes: one((host) => host.memory_total_bytes),
    memory_virtual_available_bytes: one((host) => host.memory_available_bytes),
    memory_virtual_used_bytes: one((host) => host.memory_total_bytes - host.memory_available_bytes),
    memory_swap_used_bytes: one((host) => host.swap_used_bytes),
    node_load1: one((host) => host.load1),
    node_load5: one((host) => host.load5),
    node_load15: one((host) => host.load15),
    node_network_receive_bytes_total: device(rates.received),
    node_network_transmit_bytes_total: device(rates.sent),
    node_disk_read_bytes_total: disk(rates.read),
    node_disk_written_bytes_total: disk(rates.written),
    node_pressure_cpu_waiting_seconds_total: waiting('cpu'),
    node_pressure_memory_waiting_seconds_total: waiting('memory'),
    node_pressure_io_waiting_seconds_total: waiting('io'),
    node_filesystem_avail_bytes: ['/', '/var/lib/data', '/boot/efi'].map((mountpoint, n) => [
      { mountpoint },
      (t) => hostAt(t, options).filesystems[n].avail_bytes,
    ]),
    gpu_utilization_percent: perGpu('utilization_percent'),
    gpu_memory_used_bytes: perGpu('memory_used_bytes'),
    gpu_power_watts: perGpu('power_watts'),
    gpu_temperature_celsius: perGpu('temperature_celsius'),
  };
}

export function metricNames(options) {
  return Object.keys(catalogue(options)).sort();
}

/** The answer of `/api/v1/monitoring/ranges`; the metric `broken` has too many series. */
export function rangesAnswer({ start, end, points = 500, queries }, options) {
  const step_s = Math.max(5, Math.ceil((end - start) / points));
  const times = [];
  for (let t = Math.ceil(start / step_s) * step_s; t <= end; t += step_s) times.push(t);
  const known = catalogue(options);
  return {
    start_ms: start * 1000,
    end_ms: end * 1000,
    step_ms: step_s * 1000,
    results: queries.map(({ id, metric, labels = [], sum = false }) => {
      if (metric === 'broken') return { id, metric, error: TOO_MANY };
      const drawn = (known[metric] ?? [])
        .filter(([own]) => labels.every((filter) => passes(filter, own)))
        .map(([own, read]) => ({ labels: own, points: times.map((t) => [t * 1000, read(t)]) }));
      return { id, metric, series: sum && drawn.length > 0 ? [summed(drawn)] : drawn };
    }),
  };
}

const TOO_MANY = { error: 'Unprocessable Entity', detail: 'more than 1000 series match' };

function passes(filter, labels) {
  const [, name, sign, value] = /^(.*?)(!?=)(.*)$/.exec(filter) ?? [];
  return sign === '=' ? labels[name] === value : labels[name] !== value;
}

function summed(series) {
  const points = series[0].points.map(([t], row) => [
    t,
    series.reduce((sum, one) => sum + one.points[row][1], 0),
  ]);
  return { labels: {}, points };
}

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();

export function services() {
  const rows = [
    ['api-gateway', 'up', 4, 93_600, 'http://10.0.3.11:8080'],
    ['climate-ingest', 'down', 12, 340, 'http://10.0.3.14:9000'],
    ['feature-store', 'up', 9, 604_800, 'http://10.0.3.15:6566'],
    ['llm-inference', 'unknown', 4_800, 4_800, null],
    ['postgres', 'up', 2, 1_900_000, 'postgres://10.0.3.2:5432'],
  ];
  return rows.map(([name, status, check, change, endpoint], n) => ({
    id: n + 1,
    name,
    status,
    last_check: ago(check),
    last_status_change: ago(change),
    endpoint,
  }));
}

export function pipelines(status) {
  const rows = [
    [
      'training',
      'climate-ingest',
      'running',
      5_400,
      null,
      null,
      { epoch: 5, loss: 0.234, accuracy: 0.945, progress: 45 },
    ],
    [
      'data_ingestion',
      'climate-ingest',
      'failed',
      9_000,
      8_400,
      'connection reset by peer while reading era5-2026-11.nc',
      { step: 'download', progress: 71 },
    ],
    [
      'preprocessing',
      'feature-store',
      'completed',
      14_000,
      12_100,
      null,
      { step: 'tiles', rows: 1_204_221 },
    ],
    ['evaluation', null, 'completed', 90_000, 88_300, null, null],
  ];
  return rows
    .map(([pipeline_type, service, state, start, end, error_message, metadata], n) => ({
      id: 41 - n,
      pipeline_type,
      service,
      status: state,
      start_time: ago(start),
      end_time: end === null ? null : ago(end),
      error_message,
      metadata,
    }))
    .filter((run) => !status || run.status === status);
}

export function alerts() {
  const rows = [
    [
      3,
      'Critical',
      'Service climate-ingest is down',
      'No answer from http://10.0.3.14:9000 for 5 minutes.',
      'climate-ingest',
      320,
    ],
    [
      2,
      'Warning',
      'Disk fills up',
      '/var/lib/data will be full in 9 days at the present rate.',
      null,
      7_400,
    ],
    [1, 'Info', 'New version deployed', 'api-gateway 2.14.0 is live.', 'api-gateway', 93_500],
  ];
  return rows.map(([severity, severity_name, title, message, service, since], n) => ({
    id: 7 + n,
    service,
    pipeline_run: null,
    title,
    message,
    severity,
    severity_name,
    timestamp: ago(since),
    acknowledged: false,
    acknowledged_by: null,
    acknowledged_at: null,
  }));
}

/** Small, but with all that makes a documentation page work hard: models, markdown, parameters. */
export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'Pharos',
    version: '0.1.0',
    description:
      'Watches **hosts**, services and pipelines.\n\n| code | meaning |\n|---|---|\n| 401 | a key is needed |\n\nMore in the [guide](https://example.org).',
  },
  tags: [{ name: 'services', description: 'What *runs*.' }],
  paths: {
    '/services/': {
      get: {
        tags: ['services'],
        summary: 'All services',
        responses: {
          200: {
            description: 'The list',
            content: {
              'application/json': {
                schema: { type: 'array', items: { $ref: '#/components/schemas/Service' } },
              },
            },
          },
        },
      },
      post: {
        tags: ['services'],
        summary: 'Report a state',
        requestBody: {
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Service' } } },
        },
        responses: { 200: { description: '`updated`' } },
      },
    },
    '/alerts/': {
      get: {
        summary: 'All alerts',
        parameters: [
          {
            name: 'acknowledged',
            in: 'query',
            schema: { type: 'boolean' },
            description: 'Only *open* ones: `false`',
          },
          { name: 'severity', in: 'query', schema: { type: 'integer', enum: [1, 2, 3] } },
        ],
        responses: { 200: { description: 'The list' } },
      },
    },
  },
  components: {
    schemas: {
      Service: {
        type: 'object',
        required: ['name', 'status'],
        properties: {
          name: { type: 'string', examples: ['api'] },
          status: { type: 'string', enum: ['up', 'down', 'unknown'] },
          endpoint: { type: ['string', 'null'], format: 'uri' },
        },
      },
    },
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
  },
};
