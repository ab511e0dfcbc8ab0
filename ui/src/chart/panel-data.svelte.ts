// The data of one chart on the screen: history from the store, live points appended to it.
import type { RangeWindow } from '../api/client';
import type { Snapshot } from '../api/types';
import { api } from '../state/api';
import { live } from '../state/live.svelte';
import { settle, type Range } from '../state/range';
import { Frame, type Line } from './frame';
import type { PanelSpec, Source } from './panel';

/** A live window never holds more rows than this, however long it is. */
const LIVE_ROWS = 1200;

export class PanelData {
  readonly spec: PanelSpec;
  /** Changed in place; `version` tells when. */
  frame = new Frame();
  version = $state(0);
  /** A request is under way; the lines on the screen are those of before. */
  loading = $state(false);
  loaded = $state(false);
  error = $state.raw<Error | null>(null);
  #range: Range | null = null;
  #stop: AbortController | null = null;

  constructor(spec: PanelSpec) {
    this.spec = spec;
  }

  /** Reads the history of `range`; a newer call replaces one under way. */
  async load(range: Range, points: number): Promise<void> {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    this.loading = true;
    const { from_ms, to_ms } = settle(range, live.now_ms());
    try {
      const window = { from_ms, to_ms, points };
      const answers = await Promise.all(
        this.spec.sources.map((source) => linesOf(source, window, stop.signal)),
      );
      if (!stop.signal.aborted) this.#show(range, answers.flat());
    } catch (cause) {
      if (!stop.signal.aborted) this.error = cause instanceof Error ? cause : null;
    }
    if (!stop.signal.aborted) this.loading = false;
  }

  stop(): void {
    this.#stop?.abort();
  }

  append(snapshot: Snapshot): void {
    if (!this.loaded || this.#range?.kind !== 'live') return;
    this.#append(snapshot, this.#range.span_ms);
    this.frame.trimBefore(snapshot.t - this.#range.span_ms);
    this.version += 1;
  }

  #show(range: Range, lines: Line[]): void {
    this.frame = Frame.align(this.spec.derive?.(lines) ?? lines);
    this.#range = range;
    if (range.kind === 'live') {
      // A bucket may be stamped with its end: live points must not wait until that is over.
      this.frame.cutAfter(Math.min(this.frame.lastValue_ms(), live.now_ms()));
      for (const snapshot of live.recent) this.#append(snapshot, range.span_ms);
    }
    this.loaded = true;
    this.error = null;
    this.version += 1;
  }

  #append(snapshot: Snapshot, span_ms: number): void {
    const values = this.spec.live?.(snapshot.values);
    if (values) this.frame.append(snapshot.t, values, Math.max(1000, span_ms / LIVE_ROWS));
  }
}

async function linesOf(
  { query, name, scale = 1 }: Source,
  window: RangeWindow,
  signal: AbortSignal,
): Promise<Line[]> {
  const series = await api.range(query, window, signal);
  return series.map(({ labels, points }) => ({
    name: name(labels),
    points: scale === 1 ? points : points.map(([t, v]) => [t, v === null ? v : v * scale]),
  }));
}
