// Questions of many charts, asked at almost the same time, leave as one request.
// It knows no network: `send` carries a batch, and the answers come back in the same order.
import type { RangeWindow } from './client';
import type { RangeQuery, RangeSeries } from './types';

/** What became of one question of a batch. */
export type Outcome = { series: RangeSeries[] } | { error: Error };

export type Send = (
  queries: readonly RangeQuery[],
  window: RangeWindow,
  signal: AbortSignal,
) => Promise<readonly Outcome[]>;

/** As many as the server takes. */
export const QUERIES_MAX = 64;
/**
 * How long a batch waits for more. The charts of a screen begin within one frame, some of them when
 * the first live values say what there is to draw; nobody sees a frame and a half.
 */
const GATHER_MS = 25;
/** Windows whose ends are closer than this are drawn alike: charts read the clock one by one. */
const SAME_WINDOW_MS = 1000;

interface Asked {
  query: RangeQuery;
  signal: AbortSignal | undefined;
  resolve: (series: RangeSeries[]) => void;
  reject: (reason: unknown) => void;
}

interface Batch {
  window: RangeWindow;
  asked: Asked[];
}

export class RangeBatcher {
  readonly #send: Send;
  #open: Batch[] = [];

  constructor(send: Send) {
    this.#send = send;
  }

  /** The series of one question; it fails alone, and a stopped one is not asked any more. */
  ask(query: RangeQuery, window: RangeWindow, signal?: AbortSignal): Promise<RangeSeries[]> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      this.#batchFor(window).asked.push({ query, signal, resolve, reject });
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  #batchFor(window: RangeWindow): Batch {
    const found = this.#open.find(
      (batch) => batch.asked.length < QUERIES_MAX && alike(batch.window, window),
    );
    if (found) return found;
    const batch: Batch = { window, asked: [] };
    this.#open.push(batch);
    setTimeout(() => {
      this.#open = this.#open.filter((one) => one !== batch);
      void this.#answer(batch);
    }, GATHER_MS);
    return batch;
  }

  async #answer({ window, asked }: Batch): Promise<void> {
    const wanted = asked.filter(({ signal }) => !signal?.aborted);
    if (wanted.length === 0) return;
    const queries = wanted.map(({ query }) => query);
    try {
      const outcomes = await this.#send(queries, window, allAborted(wanted));
      wanted.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index];
        if (outcome && 'series' in outcome) resolve(outcome.series);
        else reject(outcome?.error ?? new Error('the answer has a gap'));
      });
    } catch (cause) {
      for (const { reject } of wanted) reject(cause);
    }
  }
}

function alike(a: RangeWindow, b: RangeWindow): boolean {
  return (
    a.points === b.points &&
    Math.abs(a.from_ms - b.from_ms) < SAME_WINDOW_MS &&
    Math.abs(a.to_ms - b.to_ms) < SAME_WINDOW_MS
  );
}

/** A signal that stops when nobody waits any more. */
function allAborted(asked: readonly Asked[]): AbortSignal {
  const stop = new AbortController();
  let waiting = asked.length;
  for (const { signal } of asked) {
    signal?.addEventListener('abort', () => (waiting -= 1) === 0 && stop.abort(), { once: true });
  }
  return stop.signal;
}
