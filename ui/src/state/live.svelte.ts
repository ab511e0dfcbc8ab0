// The live stream of this host: connect, keep the last minutes, come back when it is lost.
import { EventTooLong } from '../api/sse';
import { ApiError } from '../api/client';
import type { Snapshot } from '../api/types';
import { api } from './api';
import { auth } from './auth.svelte';
import { backoff_ms } from './backoff';

/** `connecting` is the first try after opening or after a pause; `lost` means a try has failed. */
export type LiveState = 'connecting' | 'live' | 'lost' | 'paused';

/** A quarter of an hour: the default range can be redrawn without asking the store again. */
const SNAPSHOTS_MAX = 900;

class Live {
  state = $state<LiveState>('connecting');
  latest = $state.raw<Snapshot | null>(null);
  /** When the next try begins, while lost. */
  retryAt_ms = $state(0);
  /** Grows with every connection made: what was missed in between must be read from the store. */
  connections = $state(0);
  /** Oldest first. */
  readonly recent: Snapshot[] = [];
  /** How far the clock of the server is ahead of ours. */
  #skew_ms = 0;
  #abort: AbortController | null = null;
  #retry = 0;
  #attempt = 0;

  start(): void {
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#pause();
      else this.#connect();
    });
    addEventListener('online', () => this.#connect());
    if (document.hidden) this.state = 'paused';
    else this.#connect();
  }

  /** The present by the clock of the server, which stamps every point. */
  now_ms(): number {
    return Date.now() + this.#skew_ms;
  }

  /** Tries at once, for the impatient and after a key was entered. */
  retryNow(): void {
    this.#attempt = 0;
    this.#connect();
  }

  #connect(): void {
    if (document.hidden || this.state === 'live') return;
    clearTimeout(this.#retry);
    this.#abort?.abort();
    if (this.state === 'paused') this.state = 'connecting';
    const abort = new AbortController();
    this.#abort = abort;
    let heard = false;
    api
      .live(abort.signal, (snapshot) => {
        if (abort.signal.aborted) return;
        if (!heard) this.#opened();
        heard = true;
        this.#keep(snapshot);
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted) this.#lose(error);
      });
  }

  #opened(): void {
    this.state = 'live';
    this.#attempt = 0;
    this.connections += 1;
  }

  #keep(snapshot: Snapshot): void {
    this.recent.push(snapshot);
    if (this.recent.length > SNAPSHOTS_MAX) this.recent.shift();
    const skew_ms = snapshot.t - Date.now();
    // Less than this is travel time, not a wrong clock.
    this.#skew_ms = Math.abs(skew_ms) > 2_000 ? skew_ms : 0;
    this.latest = snapshot;
  }

  #lose(error: unknown): void {
    this.state = 'lost';
    if (error instanceof ApiError && error.status === 401) return;
    if (error instanceof EventTooLong || error instanceof SyntaxError) console.warn(error.message);
    const pause_ms = backoff_ms(this.#attempt, Math.random());
    this.#attempt += 1;
    this.retryAt_ms = Date.now() + pause_ms;
    this.#retry = window.setTimeout(() => this.#connect(), pause_ms);
  }

  #pause(): void {
    clearTimeout(this.#retry);
    this.#abort?.abort();
    this.#abort = null;
    this.state = 'paused';
  }
}

export const live = new Live();

/** Opens the stream again whenever a new key was entered; call inside a component. */
export function reconnectOnNewKey(): void {
  $effect(() => {
    if (auth.epoch > 0) live.retryNow();
  });
}
