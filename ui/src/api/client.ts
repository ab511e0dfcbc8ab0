// The one door to the server: every request of the dashboard leaves through here.
import { RangeBatcher, type Outcome } from './batcher';
import { EventParser } from './sse';
import type {
  Alert,
  Pipeline,
  RangeQuery,
  RangeSeries,
  RangesAnswer,
  Service,
  Snapshot,
} from './types';

const TIMEOUT_MS = 15_000;
/** A stream that is silent this long is as good as gone: the server speaks every second. */
const STREAM_SILENCE_MS = 10_000;

/** A request that did not give what was asked; `status` is 0 when no answer came at all. */
export class ApiError extends Error {
  readonly status: number;
  readonly requestId: string | null;

  constructor(status: number, message: string, requestId: string | null = null) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }
}

/** What the client needs from the outside: where the server is and which key to show. */
export interface ClientOptions {
  base: string;
  apiKey: () => string | null;
  /** Called when the server answers 401. */
  onUnauthorized: () => void;
}

/** A window and how many points of it fit on the screen. */
export interface RangeWindow {
  from_ms: number;
  to_ms: number;
  points: number;
}

const POINTS_MAX = 2000;

export class Client {
  readonly #options: ClientOptions;
  readonly #batcher = new RangeBatcher((queries, window, signal) =>
    this.#ranges(queries, window, signal),
  );

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Stored series; what several charts ask at one moment travels as one request. */
  range(query: RangeQuery, window: RangeWindow, signal?: AbortSignal): Promise<RangeSeries[]> {
    return this.#batcher.ask(query, window, signal);
  }

  async names(signal?: AbortSignal): Promise<string[]> {
    const { names } = await this.#json<{ names: string[] }>('/api/v1/monitoring/names', { signal });
    return names;
  }

  services(signal?: AbortSignal): Promise<Service[]> {
    return this.#json('/services/', { signal });
  }

  pipelines(status: string, signal?: AbortSignal): Promise<Pipeline[]> {
    const query = status === '' ? '' : `?status=${encodeURIComponent(status)}`;
    return this.#json(`/pipelines/${query}`, { signal });
  }

  alerts(acknowledged: boolean, signal?: AbortSignal): Promise<Alert[]> {
    return this.#json(`/alerts/?acknowledged=${acknowledged}`, { signal });
  }

  async acknowledge(alert_id: number, user: string): Promise<void> {
    await this.#fetch(`/alerts/${alert_id}/acknowledge`, jsonBody({ user }));
  }

  /**
   * Follows this host until the stream ends, fails, falls silent or `signal` stops it.
   * It reads `fetch` rather than an EventSource, which cannot carry the API key.
   */
  async live(signal: AbortSignal, onSnapshot: (snapshot: Snapshot) => void): Promise<void> {
    const silence = new AbortController();
    const stop = AbortSignal.any([signal, silence.signal]);
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    const heard = (): void => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => silence.abort(), STREAM_SILENCE_MS);
    };
    heard();
    try {
      const response = await this.#fetch('/api/v1/monitoring/live', {
        headers: { Accept: 'text/event-stream' },
        signal: stop,
        timeout_ms: null,
      });
      if (!response.body) throw new ApiError(response.status, 'the live stream has no body');
      const parser = new EventParser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw new ApiError(0, 'the server ended the live stream');
        heard();
        for (const { event, data } of parser.push(value)) {
          if (event === 'snapshot') onSnapshot(JSON.parse(data) as Snapshot);
        }
      }
    } finally {
      clearTimeout(watchdog);
      silence.abort();
    }
  }

  async #ranges(
    queries: readonly RangeQuery[],
    window: RangeWindow,
    signal: AbortSignal,
  ): Promise<Outcome[]> {
    const { results } = await this.#json<RangesAnswer>('/api/v1/monitoring/ranges', {
      ...jsonBody(rangesBody(queries, window)),
      signal,
    });
    return results.map(({ metric, series, error }) =>
      series
        ? { series }
        : { error: new ApiError(422, `${metric}: ${error?.detail ?? 'no answer'}`) },
    );
  }

  async #json<T>(path: string, init: Request): Promise<T> {
    const response = await this.#fetch(path, init);
    try {
      return (await response.json()) as T;
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      throw new ApiError(response.status, `${pathname(path)} did not answer with JSON`);
    }
  }

  async #fetch(path: string, init: Request): Promise<Response> {
    const { timeout_ms = TIMEOUT_MS, signal, ...rest } = init;
    const headers = new Headers(init.headers);
    const key = this.#options.apiKey();
    if (key !== null) headers.set('Authorization', `Bearer ${key}`);
    const signals = [signal, timeout_ms === null ? null : AbortSignal.timeout(timeout_ms)];
    let response: Response;
    try {
      response = await fetch(this.#options.base + path, {
        ...rest,
        headers,
        cache: 'no-store',
        signal: AbortSignal.any(signals.filter((one) => one !== null && one !== undefined)),
      });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new ApiError(0, `${pathname(path)} did not answer`);
    }
    if (!response.ok) throw await this.#refusal(path, response);
    return response;
  }

  async #refusal(path: string, response: Response): Promise<ApiError> {
    if (response.status === 401) this.#options.onUnauthorized();
    const reason = reasonOf(await response.text().catch(() => ''));
    const message = `${pathname(path)} answered ${response.status}${reason && `: ${reason}`}`;
    return new ApiError(response.status, message, response.headers.get('x-request-id'));
  }
}

interface Request {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal | undefined;
  /** null: no limit. */
  timeout_ms?: number | null;
}

function jsonBody(body: unknown): Request {
  return {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
}

/** The body of a request for several series over one window. */
export function rangesBody(queries: readonly RangeQuery[], window: RangeWindow) {
  return {
    start: window.from_ms / 1000,
    end: window.to_ms / 1000,
    points: Math.max(2, Math.min(POINTS_MAX, Math.round(window.points))),
    queries: queries.map(({ metric, filters = [], rate = false, sum = false }, index) => ({
      id: String(index),
      metric,
      ...(filters.length > 0 ? { labels: filters } : {}),
      ...(rate ? { rate } : {}),
      ...(sum ? { sum } : {}),
    })),
  };
}

function pathname(path: string): string {
  return path.split('?', 1)[0] ?? path;
}

/** The reason an error body gives, whichever of the usual fields it uses. */
export function reasonOf(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) {
      const fields = parsed as Record<string, unknown>;
      const reason = fields['error'] ?? fields['detail'] ?? fields['message'];
      return typeof reason === 'string' ? reason : '';
    }
  } catch {
    // Not JSON: plain text, of which the first line is enough.
  }
  return body.startsWith('<') ? '' : (body.split('\n', 1)[0] ?? '').slice(0, 200);
}
