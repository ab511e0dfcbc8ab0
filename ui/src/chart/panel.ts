// What one chart shows: which stored metrics are its past, and which live values its present.
import type { HostValues, RangeQuery } from '../api/types';
import type { Unit } from '../format/number';
import type { Cell, Line } from './frame';

/** A metric in the store and how its series become lines. */
export interface Source {
  query: RangeQuery;
  /** The line's name, the same one that `PanelSpec.live` uses for it. */
  name: (labels: Record<string, string>) => string;
  /** Multiplies each value, to bring a share to per cent; 1 if left out. */
  scale?: number;
}

export interface PanelSpec {
  /** Short and stable: it is the anchor of the chart and its hook for tests. */
  id: string;
  title: string;
  unit: Unit;
  sources: readonly Source[];
  /** Makes the lines that are shown out of those that are stored. */
  derive?: (lines: Line[]) => Line[];
  /** The values of one second by line name; left out where there is no live stream. */
  live?: (values: HostValues) => Record<string, Cell>;
  /** The top of the axis where it is known: 100 per cent, or all of the memory. */
  top?: (values: HostValues | undefined) => number | null;
}
