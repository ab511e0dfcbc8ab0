// What a chart says, in words: for screen readers, and for the table that can stand in its place.
import { format, type Unit } from '../format/number';
import { formatClock, formatDate } from '../format/time';
import type { Cell, Frame } from './frame';

/** The figures of one line inside the window. */
export interface LineStats {
  name: string;
  last: number;
  lowest: number;
  highest: number;
  mean: number;
}

/** More lines than this make a summary nobody listens to. */
const SPOKEN_LINES_MAX = 4;

/** Statistics of every line that has a value in the window. */
export function stats(frame: Frame, from_ms: number, to_ms: number): LineStats[] {
  return frame.names.flatMap((name, index) => {
    const column = frame.columns[index] ?? [];
    const values = column.filter((value, row): value is number => {
      const t_ms = frame.times[row] ?? 0;
      return typeof value === 'number' && t_ms >= from_ms && t_ms <= to_ms;
    });
    const last = values.at(-1);
    if (last === undefined) return [];
    return [{ name, last, ...extent(values) }];
  });
}

function extent(values: readonly number[]): { lowest: number; highest: number; mean: number } {
  let lowest = Infinity;
  let highest = -Infinity;
  let sum = 0;
  for (const value of values) {
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
    sum += value;
  }
  return { lowest, highest, mean: sum / values.length };
}

/** One or more sentences that say what the chart shows. */
export function summarise(
  title: string,
  frame: Frame,
  unit: Unit,
  from_ms: number,
  to_ms: number,
): string {
  const lines = stats(frame, from_ms, to_ms);
  const window = `${formatMoment(from_ms)} to ${formatMoment(to_ms)}`;
  if (lines.length === 0) return `${title}, ${window}: no data.`;
  const spoken = lines
    .slice(0, SPOKEN_LINES_MAX)
    .map(
      (line) =>
        `${line.name}: last ${format(line.last, unit)}, lowest ${format(line.lowest, unit)}, ` +
        `highest ${format(line.highest, unit)}, mean ${format(line.mean, unit)}.`,
    );
  const more = lines.length - spoken.length;
  if (more > 0) spoken.push(`${more} more ${more === 1 ? 'line' : 'lines'}.`);
  return `${title}, ${window}. ${spoken.join(' ')}`;
}

function formatMoment(t_ms: number): string {
  const date = new Date(t_ms);
  return `${formatDate(date)} ${formatClock(date, true)}`;
}

/** A row of the table view. */
export interface TableRow {
  t_ms: number;
  cells: Cell[];
}

/** At most `rows_max` rows of the window, evenly chosen, newest first. */
export function tableRows(
  frame: Frame,
  from_ms: number,
  to_ms: number,
  rows_max: number,
): TableRow[] {
  const rows = frame.times.flatMap((t_ms, row) => (t_ms >= from_ms && t_ms <= to_ms ? [row] : []));
  const stride = Math.max(1, Math.ceil(rows.length / rows_max));
  return rows
    .reverse()
    .filter((_, position) => position % stride === 0)
    .map((row) => ({
      t_ms: frame.times[row] ?? 0,
      cells: frame.columns.map((column) => column[row]),
    }));
}
