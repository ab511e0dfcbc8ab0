// The drawing of one chart: options for uPlot, made from our tokens, units and gestures.
import uPlot from 'uplot';
import { formatTicks, type Unit } from '../format/number';
import { formatTimeTicks } from '../format/time';
import type { Span } from '../state/range';
import type { Frame } from './frame';
import { seriesDash, SERIES_COLOURS, withAlpha, type Palette } from './palette';

/** What a chart asks of, and tells, the panel around it. */
export interface PlotHooks {
  /** The window on the time axis at this moment. */
  span: () => Span;
  /** The top of the value axis, if it is known beforehand. */
  top: () => number | null;
  /** The crosshair stands on this row of the frame, or nowhere. */
  onHover: (row: number | null) => void;
  onZoomIn: (from_ms: number, to_ms: number) => void;
  onZoomOut: () => void;
}

export interface PlotSize {
  width: number;
  height: number;
}

/** All charts of a page share one crosshair. */
const SYNC_KEY = 'pharos';
/** One width for every value axis keeps the time axes of a column in line. */
const AXIS_WIDTH = 64;
/** More lines than this would cover each other with their shade. */
const SHADED_LINES_MAX = 2;

/** The top of an axis on which nothing happens, so that zero lies at the bottom. */
const QUIET_TOP: Record<Unit, number> = {
  percent: 10,
  bytes: 1024,
  bytes_per_second: 1000,
  per_second: 1,
  seconds: 1,
  watts: 10,
  celsius: 10,
  none: 1,
};

const BINARY_INCREMENTS = Array.from({ length: 54 }, (_, power) => 2 ** power);

/** Options for a chart of the lines that `frame` has now. */
export function plotOptions(
  frame: Frame,
  unit: Unit,
  palette: Palette,
  size: PlotSize,
  hooks: PlotHooks,
): uPlot.Options {
  return {
    ...size,
    ms: 1,
    padding: [10, 12, 0, 0],
    legend: { show: false },
    scales: scales(unit, hooks),
    axes: axes(unit, palette),
    series: [{}, ...frame.names.map((_, index) => series(index, frame.names.length, palette))],
    cursor: cursor(hooks),
    hooks: {
      setCursor: [(plot) => hooks.onHover(plot.cursor.idx ?? null)],
      setSelect: [(plot) => zoomToSelection(plot, hooks)],
    },
  };
}

/** The frame as uPlot wants it: time first, then the columns. */
export function plotData(frame: Frame): uPlot.AlignedData {
  return [frame.times, ...frame.columns];
}

function scales(unit: Unit, hooks: PlotHooks): uPlot.Scales {
  return {
    x: {
      time: true,
      range: () => {
        const { from_ms, to_ms } = hooks.span();
        return [from_ms, to_ms];
      },
    },
    y: { range: (_, low, high) => valueRange(low, high, hooks.top(), unit) },
  };
}

/** From zero to the known top, or to a round number above the highest value. */
export function valueRange(
  low: number | null,
  high: number | null,
  top: number | null,
  unit: Unit,
): [number, number] {
  const lowest = Math.min(0, low ?? 0);
  // A value above the known top (a core's share summed, say) must not leave the chart.
  if (top !== null && top > 0 && (high ?? 0) <= top) return [lowest, top];
  const highest = Math.max(high ?? 0, lowest < 0 ? 0 : QUIET_TOP[unit]);
  const [from, to] = uPlot.rangeNum(lowest, highest, {
    min: { pad: lowest < 0 ? 0.1 : 0, soft: 0, mode: 1 },
    max: { pad: 0.1, soft: 0, mode: 1 },
  });
  return [from ?? lowest, to ?? highest];
}

function axes(unit: Unit, palette: Palette): uPlot.Axis[] {
  const common: uPlot.Axis = {
    stroke: palette.muted,
    font: palette.font,
    grid: { stroke: palette.grid, width: 1 },
    ticks: { show: false },
  };
  return [
    {
      ...common,
      size: 30,
      gap: 8,
      space: 72,
      values: (_, ticks, _axis, _space, step_ms) => formatTimeTicks(ticks, step_ms),
    },
    {
      ...common,
      size: AXIS_WIDTH,
      gap: 8,
      space: 36,
      ...(unit === 'bytes' ? { incrs: BINARY_INCREMENTS } : {}),
      values: (_, ticks) => formatTicks(ticks, unit),
    },
  ];
}

function series(index: number, count: number, palette: Palette): uPlot.Series {
  const stroke = palette.series[index % SERIES_COLOURS] ?? palette.axis;
  return {
    stroke,
    width: 1.5,
    dash: seriesDash(index),
    points: { show: false },
    ...(count <= SHADED_LINES_MAX ? { fill: withAlpha(stroke, 0.1) } : {}),
  };
}

function cursor(hooks: PlotHooks): uPlot.Cursor {
  return {
    y: false,
    points: { size: 7 },
    drag: { x: true, y: false, setScale: false },
    sync: {
      key: SYNC_KEY,
      scales: ['x', null],
      setSeries: false,
      // Only the crosshair is shared. A drag would arrive at every chart, and each would zoom.
      filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave' },
    },
    bind: {
      // The default would fit the axis to the data; ours goes back to the window of before.
      dblclick: () => () => {
        hooks.onZoomOut();
        return null;
      },
    },
  };
}

function zoomToSelection(plot: uPlot, hooks: PlotHooks): void {
  const { left, width } = plot.select;
  if (width <= 0) return;
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  hooks.onZoomIn(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
}
