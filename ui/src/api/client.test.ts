// Requests as they leave the page, and refusals as they come back.
import { afterEach, expect, test, vi } from 'vitest';
import { ApiError, Client, rangesBody, reasonOf } from './client';

afterEach(() => vi.unstubAllGlobals());

function clientThatGets(response: () => Response | Promise<Response>, key: string | null = null) {
  const fetched = vi.fn((_url: string, _init: RequestInit) => Promise.resolve(response()));
  const onUnauthorized = vi.fn();
  vi.stubGlobal('fetch', fetched);
  const client = new Client({ base: '/x', apiKey: () => key, onUnauthorized });
  return { client, fetched, onUnauthorized };
}

test('a request for series names metrics, filters, window and options', () => {
  const queries = [
    { metric: 'a_total', filters: ['device!=lo', 'host=b&c'], rate: true, sum: true },
    { metric: 'b', filters: [], rate: false },
  ];
  expect(rangesBody(queries, { from_ms: 1_500, to_ms: 61_500, points: 333.4 })).toEqual({
    start: 1.5,
    end: 61.5,
    points: 333,
    queries: [
      { id: '0', metric: 'a_total', labels: ['device!=lo', 'host=b&c'], rate: true, sum: true },
      { id: '1', metric: 'b' },
    ],
  });
});

test('the number of points stays within what the server answers', () => {
  const points = (wanted: number): number =>
    rangesBody([], { from_ms: 0, to_ms: 1, points: wanted }).points;
  expect([points(0), points(9_999)]).toEqual([2, 2000]);
});

test('series that are asked for together come in one answer, with their own errors', async () => {
  const series = [{ labels: {}, points: [] }];
  const { client, fetched } = clientThatGets(() =>
    Response.json({
      results: [
        { id: '0', metric: 'a', series },
        { id: '1', metric: 'b', error: { error: 'Unprocessable Entity', detail: 'too many' } },
      ],
    }),
  );
  const window = { from_ms: 0, to_ms: 1_000, points: 10 };
  const asked = [client.range({ metric: 'a' }, window), client.range({ metric: 'b' }, window)];
  const [first, second] = await Promise.allSettled(asked);
  expect(first).toEqual({ status: 'fulfilled', value: series });
  expect(second).toMatchObject({ status: 'rejected', reason: { message: 'b: too many' } });
  expect(fetched).toHaveBeenCalledOnce();
  const [url, init] = fetched.mock.calls[0] ?? [];
  expect([init?.method, url]).toEqual(['POST', '/x/api/v1/monitoring/ranges']);
  expect(JSON.parse(String(init?.body))).toEqual(
    rangesBody([{ metric: 'a' }, { metric: 'b' }], window),
  );
});

test('the base path and the key go along', async () => {
  const { client, fetched } = clientThatGets(() => Response.json({ names: ['a'] }), 'secret');
  expect(await client.names()).toEqual(['a']);
  const [url, init] = fetched.mock.calls[0] ?? [];
  expect(url).toBe('/x/api/v1/monitoring/names');
  expect(new Headers(init?.headers).get('authorization')).toBe('Bearer secret');
});

test('without a key there is no such header', async () => {
  const { client, fetched } = clientThatGets(() => Response.json([]));
  await client.services();
  expect(new Headers(fetched.mock.calls[0]?.[1].headers).has('authorization')).toBe(false);
});

test('a refusal says path, status, reason and request', async () => {
  const { client, onUnauthorized } = clientThatGets(() =>
    Response.json({ error: 'no such metric' }, { status: 404, headers: { 'x-request-id': 'r1' } }),
  );
  const error = await client.alerts(false).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    status: 404,
    requestId: 'r1',
    message: '/alerts/ answered 404: no such metric',
  });
  expect(onUnauthorized).not.toHaveBeenCalled();
});

test('a 401 asks for a key', async () => {
  const { client, onUnauthorized } = clientThatGets(() => new Response('', { status: 401 }));
  await expect(client.services()).rejects.toMatchObject({ status: 401 });
  expect(onUnauthorized).toHaveBeenCalledOnce();
});

test('no answer is an error of status 0', async () => {
  const { client } = clientThatGets(() => Promise.reject(new TypeError('offline')));
  await expect(client.pipelines('')).rejects.toMatchObject({
    status: 0,
    message: '/pipelines/ did not answer',
  });
});

test('an answer that is no JSON is said to be none', async () => {
  const { client } = clientThatGets(() => new Response('<html>'));
  await expect(client.services()).rejects.toThrow('/services/ did not answer with JSON');
});

/** A body that sends these pieces, then stays open until the request is stopped. */
function openBody(pieces: string[], init: RequestInit): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
      init.signal?.addEventListener('abort', () => controller.error(new Error('stopped')));
    },
  });
}

test('the live stream hands out snapshots, with the key, until it is stopped', async () => {
  const fetched = vi.fn((_: string, init: RequestInit) =>
    Promise.resolve(
      new Response(
        openBody(
          ['event: snapshot\ndata: {"t":1}\n\nevent: other\ndata: {}\n', '\nevent: snap'],
          init,
        ),
      ),
    ),
  );
  vi.stubGlobal('fetch', fetched);
  const client = new Client({ base: '', apiKey: () => 'k', onUnauthorized: vi.fn() });
  const stop = new AbortController();
  const heard: number[] = [];
  const ended = client.live(stop.signal, ({ t }) => {
    heard.push(t);
    stop.abort();
  });
  await expect(ended).rejects.toThrow();
  expect(heard).toEqual([1]);
  expect(new Headers(fetched.mock.calls[0]?.[1].headers).get('authorization')).toBe('Bearer k');
});

test('a live stream that the server ends is lost', async () => {
  const { client } = clientThatGets(() => new Response('event: snapshot\ndata: {"t":1}\n\n'));
  const ended = client.live(new AbortController().signal, () => undefined);
  await expect(ended).rejects.toThrow('the server ended the live stream');
});

test('a live stream that falls silent is lost', async () => {
  vi.useFakeTimers();
  vi.stubGlobal('fetch', (_: string, init: RequestInit) =>
    Promise.resolve(new Response(openBody([': hello\n'], init))),
  );
  const client = new Client({ base: '', apiKey: () => null, onUnauthorized: vi.fn() });
  const ended = expect(
    client.live(new AbortController().signal, () => undefined),
  ).rejects.toThrow();
  await vi.advanceTimersByTimeAsync(10_000);
  await ended;
  vi.useRealTimers();
});

test.each([
  ['{"error":"a"}', 'a'],
  ['{"detail":"b"}', 'b'],
  ['{"message":"c"}', 'c'],
  ['{"error":{"code":1}}', ''],
  ['plain text\nsecond line', 'plain text'],
  ['<html>', ''],
  ['', ''],
])('the reason in %j is %j', (body, reason) => {
  expect(reasonOf(body)).toBe(reason);
});
