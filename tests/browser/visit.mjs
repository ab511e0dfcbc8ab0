// A visit: one page of the browser, and everything on it that a user or an operator would mind.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { LOGS } from './server.mjs';

// The user interface brings the library along for its own checks.
const { chromium } = createRequire(join(import.meta.dirname, '../../ui/package.json'))('playwright-core');

/** Debian's browser. */
export const CHROMIUM = '/usr/bin/chromium';

/** How long anything may take to appear; the machine may be busy with our own load. */
const PATIENCE_MS = 30_000;

/** A browser told to talk to nobody but the server under test. */
export function openBrowser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
}

export class Visit {
  #complaints = [];

  /** A page of this width; nothing is opened yet. */
  static async begin(browser, url, width) {
    const visit = new Visit();
    visit.url = url;
    visit.width = width;
    visit.context = await browser.newContext({
      viewport: { width, height: width < 600 ? 844 : 900 },
      colorScheme: 'light',
      reducedMotion: 'reduce',
    });
    visit.page = await visit.context.newPage();
    visit.page.setDefaultTimeout(PATIENCE_MS);
    await visit.#listen();
    return visit;
  }

  async #listen() {
    const { page } = this;
    const complain = (text) => this.#complaints.push(text);
    page.on('console', (message) => {
      const bad = message.type() === 'error' || /content security policy/i.test(message.text());
      if (bad) complain(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => complain(`page error: ${error.stack ?? error}`));
    page.on('request', (request) => {
      const local = ['data:', 'blob:'].includes(new URL(request.url()).protocol);
      if (!local && new URL(request.url()).origin !== this.url) {
        complain(`request to another host: ${request.url()}`);
      }
    });
    page.on('response', (response) => {
      if (response.status() >= 400) complain(`${response.status()} for ${response.url()}`);
    });
    // Reports of the policy do not always reach the console.
    await page.exposeFunction('reportViolation', (text) => complain(`policy violated: ${text}`));
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        const { effectiveDirective, blockedURI, sample } = event;
        void window.reportViolation(`${effectiveDirective} ${blockedURI} ${sample}`);
      });
    });
  }

  /** What went wrong since the last time. */
  takeComplaints() {
    return this.#complaints.splice(0);
  }

  open(path) {
    return this.page.goto(this.url + path);
  }

  /** The element with this test id. */
  at(id) {
    return this.page.getByTestId(id);
  }

  /** Waits until `look` gives something true. */
  async until(what, look) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const seen = await look();
      if (seen) return seen;
      if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** The pixels of a chart, as a text that is equal when they are. */
  pixels(id) {
    return this.at(id).locator('canvas').first().evaluate((canvas) => canvas.toDataURL());
  }

  screenshot(name) {
    const file = `${name.replaceAll(/[^a-z0-9]+/gi, '-')}.png`;
    return this.page.screenshot({ path: join(LOGS, file) }).catch(() => {});
  }

  /** Fails when something makes the page wider than the screen. */
  async fits() {
    const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) throw new Error(`the page is ${wide} px wider than the screen`);
  }

  async end() {
    await this.context.close();
  }
}
