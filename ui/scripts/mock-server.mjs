// Serves dist as the real server does, policy included, with a made-up host behind it.
//
//   npm run mock -- --port 4173 --gpus 2 --cores 16 [--key secret] [--empty] [--trouble] [--base /x]

import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  alerts,
  hostAt,
  metricNames,
  OPENAPI,
  pipelines,
  rangesAnswer,
  services,
} from './mock-data.mjs';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

const COMMON = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
export const STRICT_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  `font-src 'self'; connect-src 'self'; ${COMMON}; require-trusted-types-for 'script'`;
/** ReDoc writes its styles into the page, so its page alone may. */
export const REDOC_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  `font-src 'self'; connect-src 'self'; worker-src blob:; ${COMMON}`;

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
};

const DEFAULTS = { cores: 8, gpus: 0, key: null, empty: false, trouble: false, base: '' };

/** Starts a mock server; resolves to its address, the settings (which may be changed) and `close`. */
export async function startMock({ port = 0, ...given } = {}) {
  const settings = { ...DEFAULTS, ...given };
  const state = { settings, alerts: alerts(), streams: new Set(), requests: [], asked: [] };
  const server = createServer((request, response) => handle(state, request, response));
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}${settings.base}`,
    settings,
    requests: state.requests,
    /** The metrics of each request for series. */
    asked: state.asked,
    /** Cuts every live stream, as a network fault would. */
    cutStreams: () => state.streams.forEach((response) => response.destroy()),
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

function handle(state, request, response) {
  const url = new URL(request.url, 'http://mock');
  const { base } = state.settings;
  if (!url.pathname.startsWith(`${base}/`)) return plain(response, 404, 'not found');
  const path = url.pathname.slice(base.length);
  state.requests.push(`${request.method} ${path}`);
  if (path === '/') return redirect(response, `${base}/monitoring`);
  if (path === '/monitoring' || path.startsWith('/monitoring/'))
    return page(state, response, 'index.html');
  if (path === '/api/docs') return page(state, response, 'docs/swagger.html');
  if (path === '/api/redoc') return page(state, response, 'docs/redoc.html', REDOC_POLICY);
  if (path.startsWith('/assets/')) return asset(response, path);
  if (path === '/api/openapi.json') return json(response, OPENAPI);
  return api(state, request, response, path, url.searchParams);
}

function api(state, request, response, path, params) {
  const { settings } = state;
  if (settings.key && request.headers.authorization !== `Bearer ${settings.key}`) {
    return json(response, { error: 'a key is needed' }, 401);
  }
  const acknowledge = /^\/alerts\/(\d+)\/acknowledge$/.exec(path);
  if (acknowledge && request.method === 'POST') {
    return acknowledgeAlert(state, request, response, Number(acknowledge[1]));
  }
  switch (path) {
    case '/api/v1/monitoring/live':
      return stream(state, response);
    case '/api/v1/monitoring/ranges':
      return withBody(request, (body) => {
        state.asked.push(body.queries.map(({ metric }) => metric));
        json(response, rangesAnswer(body, settings));
      });
    case '/api/v1/monitoring/names':
      return json(response, { names: settings.empty ? [] : metricNames(settings) });
    case '/services/':
      return json(response, settings.empty ? [] : services());
    case '/pipelines/':
      return json(response, settings.empty ? [] : pipelines(params.get('status')));
    case '/alerts/': {
      const wanted = params.get('acknowledged') === 'true';
      return json(
        response,
        settings.empty ? [] : state.alerts.filter((one) => one.acknowledged === wanted),
      );
    }
    case '/health':
      return json(response, { status: 'healthy' });
    default:
      return json(response, { error: 'not found' }, 404);
  }
}

function stream(state, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const send = () => {
    const t = Date.now();
    const values = hostAt(t / 1000, state.settings);
    response.write(`event: snapshot\ndata: ${JSON.stringify({ t, host: 'atlas-07', values })}\n\n`);
  };
  send();
  const timer = setInterval(send, 1000);
  state.streams.add(response);
  response.on('close', () => {
    clearInterval(timer);
    state.streams.delete(response);
  });
}

function acknowledgeAlert(state, request, response, id) {
  withBody(request, ({ user }) => {
    const alert = state.alerts.find((one) => one.id === id);
    if (!alert) return json(response, { error: `no alert ${id}` }, 404);
    alert.acknowledged = true;
    alert.acknowledged_by = user;
    alert.acknowledged_at = new Date().toISOString();
    return json(response, alert);
  });
}

/** Reads a body of JSON, then goes on with it. */
function withBody(request, then) {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => then(JSON.parse(body)));
}

function page(state, response, name, policy = STRICT_POLICY) {
  // The only absolute addresses of the build are those of index.html.
  const html = readFileSync(join(dist, name), 'utf8').replaceAll(
    '"/assets/',
    `"${state.settings.base}/assets/`,
  );
  response.writeHead(200, {
    'Content-Type': TYPES['.html'],
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(html);
}

function asset(response, path) {
  const file = join(dist, normalize(path));
  const type = TYPES[extname(file)];
  if (!type || !existsSync(file)) return plain(response, 404, 'not found');
  response.writeHead(200, {
    'Content-Type': type,
    'Content-Security-Policy': STRICT_POLICY,
    'Cache-Control': 'public, max-age=31536000, immutable',
    'X-Content-Type-Options': 'nosniff',
  });
  return response.end(readFileSync(file));
}

function json(response, body, status = 200) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'X-Request-Id': 'mock-1' });
  response.end(JSON.stringify(body));
}

function plain(response, status, text) {
  response.writeHead(status, { 'Content-Type': 'text/plain' });
  response.end(text);
}

function redirect(response, location) {
  response.writeHead(302, { Location: location });
  response.end();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '4173' },
      cores: { type: 'string', default: '8' },
      gpus: { type: 'string', default: '0' },
      key: { type: 'string' },
      base: { type: 'string', default: '' },
      empty: { type: 'boolean', default: false },
      trouble: { type: 'boolean', default: false },
    },
  });
  const mock = await startMock({
    ...values,
    key: values.key ?? null,
    port: Number(values.port),
    cores: Number(values.cores),
    gpus: Number(values.gpus),
  });
  console.log(`${mock.url}/monitoring`);
}
