// The numbers behind one chart: one time axis and a column per line, from history and live points.
//
// Lines of history arrive each on its own grid and are aligned once; live points are then appended
// in place, so that a second costs one value per line and not a copy of everything.

import type { Point } from '../api/types';

/** A value; null is a gap that must show, undefined only means that this line has no point here. */
export type Cell = number | null | undefined;

/** A named line of history, its points in the order of time. */
export interface Line {
  name: string;
  points: readonly Point[];
}

/** More lines than anyone can tell apart; the rest is left out. */
export const LINES_MAX = 256;
/** Rows beyond this are dropped at the old end. */
const ROWS_MAX = 6000;
/** Trimming copies the columns, so it waits until this many rows are out of sight. */
const TRIM_ROWS_MIN = 120;

/** The live points of one step of the time axis, on their way to a mean. */
interface OpenBucket {
  start_ms: number;
  sums: Map<string, { sum: number; count: number }>;
}

export class Frame {
  /** Unix milliseconds, strictly increasing. */
  readonly times: number[] = [];
  readonly names: string[] = [];
  readonly columns: Cell[][] = [];
  #bucket: OpenBucket | null = null;

  /** Puts lines with different time grids on one axis. */
  static align(lines: readonly Line[]): Frame {
    const frame = new Frame();
    const kept = lines.slice(0, LINES_MAX);
    frame.times.push(...unionOfTimes(kept));
    const rowOf = new Map(frame.times.map((t_ms, row) => [t_ms, row]));
    for (const line of kept) {
      const column = frame.#column(line.name);
      for (const [t_ms, value] of line.points) {
        const row = rowOf.get(t_ms);
        if (row !== undefined) column[row] = value;
      }
    }
    return frame;
  }

  /** The last moment at which some line has a value. */
  lastValue_ms(): number {
    for (let row = this.times.length - 1; row >= 0; row -= 1) {
      if (this.columns.some((column) => typeof column[row] === 'number')) {
        return this.times[row] ?? -Infinity;
      }
    }
    return -Infinity;
  }

  /** Drops everything after `t_ms`: the empty end of an answer, which live points will fill. */
  cutAfter(t_ms: number): void {
    let rows = this.times.length;
    while (rows > 0 && (this.times[rows - 1] ?? 0) > t_ms) rows -= 1;
    this.times.length = rows;
    for (const column of this.columns) column.length = rows;
    this.#bucket = null;
  }

  /**
   * Adds a live point to every line. Points of one step share a row, which holds their mean,
   * so that a week on screen does not collect a row per second. Late points are ignored.
   */
  append(t_ms: number, values: Readonly<Record<string, Cell>>, step_ms: number): void {
    const last_ms = this.times.at(-1) ?? -Infinity;
    if (t_ms <= last_ms) return;
    const start_ms = Math.floor(t_ms / step_ms) * step_ms;
    if (this.#bucket?.start_ms === start_ms) {
      this.times[this.times.length - 1] = t_ms;
    } else {
      this.#bucket = { start_ms, sums: new Map() };
      this.times.push(t_ms);
      for (const column of this.columns) column.push(undefined);
    }
    for (const [name, value] of Object.entries(values)) this.#add(name, value);
    if (this.times.length > ROWS_MAX) this.#dropRows(this.times.length - ROWS_MAX + TRIM_ROWS_MIN);
  }

  /** Forgets rows before `t_ms`, save the last of them: the line must reach the edge. */
  trimBefore(t_ms: number): void {
    let stale = 0;
    while (stale < this.times.length && (this.times[stale] ?? 0) < t_ms) stale += 1;
    if (stale - 1 >= TRIM_ROWS_MIN) this.#dropRows(stale - 1);
  }

  #add(name: string, value: Cell): void {
    if (!this.names.includes(name) && this.names.length >= LINES_MAX) return;
    const column = this.#column(name);
    const row = this.times.length - 1;
    if (typeof value !== 'number') {
      if (value === null && typeof column[row] !== 'number') column[row] = null;
      return;
    }
    const sums = this.#bucket?.sums;
    const { sum, count } = sums?.get(name) ?? { sum: 0, count: 0 };
    sums?.set(name, { sum: sum + value, count: count + 1 });
    column[row] = (sum + value) / (count + 1);
  }

  #column(name: string): Cell[] {
    const index = this.names.indexOf(name);
    const known = this.columns[index];
    if (known) return known;
    const column = new Array<Cell>(this.times.length).fill(undefined);
    this.names.push(name);
    this.columns.push(column);
    return column;
  }

  #dropRows(count: number): void {
    this.times.splice(0, count);
    for (const column of this.columns) column.splice(0, count);
  }
}

function unionOfTimes(lines: readonly Line[]): number[] {
  const first = lines[0]?.points ?? [];
  const sameGrid = lines.every(
    ({ points }) =>
      points.length === first.length && points.every(([t_ms], row) => t_ms === first[row]?.[0]),
  );
  if (sameGrid) return first.map(([t_ms]) => t_ms);
  const times = new Set(lines.flatMap(({ points }) => points.map(([t_ms]) => t_ms)));
  return [...times].sort((a, b) => a - b);
}
