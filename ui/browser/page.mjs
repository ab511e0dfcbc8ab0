// A browser on a mock server, with an ear for everything that must never happen.
import { chromium } from 'playwright-core';
import { startMock } from '../scripts/mock-server.mjs';

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const WIDE = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ARGS,
  });
}

/**
 * Opens `path` on a fresh mock server. `faults` collects console errors, exceptions, policy
 * violations and requests to other machines; `close` ends page and server.
 */
export async function open(
  browser,
  path,
  { mock: settings = {}, viewport = WIDE, theme = 'light' } = {},
) {
  const mock = await startMock(settings);
  const context = await browser.newContext({
    viewport,
    colorScheme: theme,
    reducedMotion: 'reduce',
    ...(viewport.width < 640 ? { isMobile: true, hasTouch: true } : {}),
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const faults = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(`exception: ${error.stack}`));
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    const ours = host === new URL(mock.url).host || protocol === 'data:' || protocol === 'blob:';
    if (!ours) faults.push(`request to ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  await page.goto(mock.url + path);
  const close = async () => {
    await context.close();
    await mock.close();
  };
  return { page, mock, faults, close, get: (id) => page.getByTestId(id) };
}
