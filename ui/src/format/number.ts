// Figures as people read them: bytes, rates, shares and plain counts, each with its unit.

/** What a number measures; decides its steps (1000 or 1024) and its sign. */
export type Unit =
  | 'percent'
  | 'bytes'
  | 'bytes_per_second'
  | 'per_second'
  | 'seconds'
  | 'watts'
  | 'celsius'
  | 'none';

/** A figure and its unit apart, so that a tile can set the unit smaller. */
export interface Figure {
  value: string;
  unit: string;
}

/** What stands in place of a number that is not there. */
export const MISSING = '–';

// The unit must never stand alone on the next line.
const NBSP = '\u00a0';

const BINARY_STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const DECIMAL_STEPS = ['B/s', 'kB/s', 'MB/s', 'GB/s', 'TB/s'];
const COUNT_STEPS = ['', 'k', 'M', 'G', 'T'];

/** Three digits that count: 1.23, 12.3, 123. */
function threeDigits(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95) return value.toFixed(0);
  if (size >= 9.995) return value.toFixed(1);
  return value.toFixed(2);
}

function scaled(value: number, base: number, steps: readonly string[]): Figure {
  let rest = value;
  let step = 0;
  // 999.5 would be written "1000", so it already moves to the next step.
  while (Math.abs(rest) >= base - 0.5 && step < steps.length - 1) {
    rest /= base;
    step += 1;
  }
  const text = step === 0 && Number.isInteger(rest) ? rest.toFixed(0) : threeDigits(rest);
  return { value: text, unit: steps[step] ?? '' };
}

/** Seconds in the largest two steps that matter: `250 ms`, `42 s`, `3 min 5 s`, `12 d 4 h`. */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return `${(seconds * 1000).toFixed(0)}${NBSP}ms`;
  const whole = Math.floor(seconds);
  const steps: [number, string][] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ];
  const first = steps.findIndex(([count]) => count > 0);
  return steps
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, name]) => `${count}${NBSP}${name}`)
    .join(' ');
}

/** Splits a value into digits and unit. */
export function figure(value: number | null | undefined, unit: Unit): Figure {
  if (value === null || value === undefined || !Number.isFinite(value)) {
    return { value: MISSING, unit: '' };
  }
  switch (unit) {
    case 'percent':
      return {
        value: value >= 9.95 || value === 0 ? value.toFixed(0) : value.toFixed(1),
        unit: '%',
      };
    case 'bytes':
      return scaled(value, 1024, BINARY_STEPS);
    case 'bytes_per_second':
      return scaled(value, 1000, DECIMAL_STEPS);
    case 'per_second': {
      const { value: text, unit: step } = scaled(value, 1000, COUNT_STEPS);
      return { value: text, unit: `${step}/s` };
    }
    case 'seconds':
      return { value: value === 0 ? '0' : formatDuration(value), unit: value === 0 ? 's' : '' };
    case 'watts':
      return { value: threeDigits(value), unit: 'W' };
    case 'celsius':
      return { value: value.toFixed(0), unit: '°C' };
    case 'none':
      return scaled(value, 1000, COUNT_STEPS);
  }
}

/** A value with its unit in one string, for sentences, legends and tables. */
export function format(value: number | null | undefined, unit: Unit): string {
  const { value: text, unit: sign } = figure(value, unit);
  return sign === '' ? text : `${text}${NBSP}${sign}`;
}

/** Labels of an axis: one step for all of them, no more decimals than they need. */
export function formatTicks(ticks: readonly number[], unit: Unit): string[] {
  if (unit === 'seconds') return ticks.map((tick) => format(tick, unit));
  const base = unit === 'bytes' ? 1024 : 1000;
  const steps = axisSteps(unit);
  const largest = Math.max(0, ...ticks.map(Math.abs));
  const step = Math.min(
    steps.length - 1,
    largest < base ? 0 : Math.floor(Math.log(largest) / Math.log(base) + 1e-9),
  );
  const divisor = base ** step;
  const rest = ticks.map((tick) => tick / divisor);
  const decimals = [0, 1, 2].find((n) => rest.every((r) => isWhole(r * 10 ** n))) ?? 3;
  const sign = steps[step] ?? '';
  return rest.map((r) =>
    r === 0 || sign === ''
      ? r.toFixed(r === 0 ? 0 : decimals)
      : `${r.toFixed(decimals)}${NBSP}${sign}`,
  );
}

function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-6;
}

function axisSteps(unit: Unit): readonly string[] {
  switch (unit) {
    case 'percent':
      return ['%'];
    case 'bytes':
      return BINARY_STEPS;
    case 'bytes_per_second':
      return DECIMAL_STEPS;
    case 'per_second':
      return COUNT_STEPS.map((step) => `${step}/s`);
    case 'watts':
      return ['W'];
    case 'celsius':
      return ['°C'];
    default:
      return COUNT_STEPS;
  }
}

/** The unit a stored metric most likely has, read from the end of its name. */
export function unitOfMetric(name: string, rate: boolean): Unit {
  if (/_bytes(_total)?$/.test(name)) return rate ? 'bytes_per_second' : 'bytes';
  if (rate) return /_seconds(_total)?$/.test(name) ? 'none' : 'per_second';
  if (/percent/.test(name)) return 'percent';
  if (/_seconds(_total)?$/.test(name)) return 'seconds';
  if (/_watts$/.test(name)) return 'watts';
  if (/_celsius$/.test(name)) return 'celsius';
  return 'none';
}

/** Whether a metric only ever grows, so that its rate says more than its value. */
export function isCounter(name: string): boolean {
  if (/percent_total$|memory_\w+_total_bytes$/.test(name)) return false;
  return /_(total|count|sum|bucket)$/.test(name);
}
