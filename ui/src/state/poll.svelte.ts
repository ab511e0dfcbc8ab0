// A list kept fresh: loaded at once, then again every few seconds while the tab is seen.
import { auth } from './auth.svelte';

const EVERY_MS = 5_000;

export interface Polled<T> {
  /** The last good answer; undefined until the first one. */
  readonly data: T | undefined;
  /** Why the last try failed; null after a good one. The data before it stays. */
  readonly error: Error | null;
  /** When `data` arrived. */
  readonly at_ms: number;
  refresh(): void;
}

/**
 * Polls `load` for as long as the calling component lives. What `load` reads of the state
 * before its first await is followed: when it changes, the list is loaded again.
 */
export function poll<T>(load: (signal: AbortSignal) => Promise<T>): Polled<T> {
  let data = $state.raw<T>();
  let error = $state.raw<Error | null>(null);
  let at_ms = $state(0);
  let turn = $state(0);

  $effect(() => {
    void turn;
    void auth.epoch;
    const stop = new AbortController();
    let timer = 0;
    const again = (): void => {
      clearTimeout(timer);
      if (!document.hidden && !auth.needed) void run();
      else timer = window.setTimeout(again, EVERY_MS);
    };
    const take = async (answer: Promise<T>): Promise<void> => {
      try {
        data = await answer;
        at_ms = Date.now();
        error = null;
      } catch (cause) {
        if (stop.signal.aborted) return;
        error = cause instanceof Error ? cause : new Error(String(cause));
      }
      if (!stop.signal.aborted) timer = window.setTimeout(again, EVERY_MS);
    };
    const run = (): Promise<void> => take(load(stop.signal));
    const seen = (): void => {
      if (!document.hidden) again();
    };
    document.addEventListener('visibilitychange', seen);
    void run();
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  });

  return {
    get data() {
      return data;
    },
    get error() {
      return error;
    },
    get at_ms() {
      return at_ms;
    },
    refresh: () => (turn += 1),
  };
}
