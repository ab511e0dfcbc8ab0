// The dashboard in a real browser: every screen in both themes and both sizes, and what hands do.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { launch, open, PHONE, WIDE } from './page.mjs';

const SCREENS = [
  '',
  '/services',
  '/pipelines',
  '/alerts',
  '/metrics?metric=node_load1',
  '/nowhere',
];
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Runs `body` on an open page, which must not have had a fault at its end. */
async function on(path, options, body) {
  const opened = await open(browser, path, options);
  try {
    await body(opened);
    assert.deepEqual(opened.faults, []);
  } finally {
    await opened.close();
  }
}

async function liveNow(get) {
  await get('live-dot').and(get('live-dot').page().locator('[data-state="live"]')).waitFor();
}

for (const theme of ['light', 'dark']) {
  for (const viewport of [WIDE, PHONE, { width: 320, height: 640 }]) {
    for (const screen of SCREENS) {
      test(`/monitoring${screen}, ${theme}, ${viewport.width} px`, async () => {
        await on(
          `/monitoring${screen}`,
          { theme, viewport, mock: { gpus: 2 } },
          async ({ page, get }) => {
            await liveNow(get);
            await page.locator('main h1').waitFor();
            const overflow = await page.evaluate(
              () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
            );
            assert.equal(overflow, 0, 'the page scrolls sideways');
            // Through the debugger, which the policy of the page does not bind.
            await page.evaluate(axe);
            const { violations } = await page.evaluate(() => window.axe.run());
            const told = violations.map(
              ({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(' ')}`,
            );
            assert.deepEqual(told, []);
          },
        );
      });
    }
  }
}

test('the overview draws history at once and appends each second', async () => {
  await on('/monitoring', { mock: { gpus: 1 } }, async ({ page, get, mock }) => {
    await get('chart-cpu').locator('canvas').waitFor();
    await get('verdict')
      .filter({ hasText: /This host is (calm|busy)/ })
      .waitFor();
    const picture = () =>
      get('chart-cpu')
        .locator('canvas')
        .evaluate((canvas) => canvas.toDataURL());
    // The charts that the first live values call for have asked too.
    await get('chart-gpu').locator('canvas').waitFor();
    const first = await picture();
    const loads = mock.requests.filter((line) => line.includes('/range')).length;
    await assert.doesNotReject(async () => {
      for (let tries = 0; (await picture()) === first; tries += 1) {
        if (tries > 50) throw new Error('the chart stands still');
        await page.waitForTimeout(100);
      }
    });
    const loadsAfter = mock.requests.filter((line) => line.includes('/range')).length;
    assert.equal(loadsAfter, loads, 'a second costs no request');
    for (const id of [
      'memory',
      'network',
      'disk',
      'gpu',
      'gpu-memory',
      'gpu-power',
      'load',
      'pressure',
    ]) {
      await get(`chart-${id}`).scrollIntoViewIfNeeded();
      await get(`chart-${id}`).locator('canvas').waitFor();
    }
  });
});

test('the overview costs few requests, and a second visit even fewer', async () => {
  await on('/monitoring', { mock: { gpus: 2 } }, async ({ page, get, mock }) => {
    const drawn = async () => {
      await liveNow(get);
      for (const id of ['cpu', 'memory', 'network', 'disk', 'gpu', 'gpu-memory']) {
        await get(`chart-${id}`).locator('canvas').waitFor();
      }
      await page.waitForLoadState('load');
    };
    const REQUESTS_MAX = 8;
    await drawn();
    // The files of the build may be kept for ever, so they are no part of what a screen costs.
    const asked = mock.requests.filter((line) => !line.includes('/assets/'));
    assert.ok(asked.length <= REQUESTS_MAX, asked.join('\n'));
    assert.equal(new Set(mock.asked.flat()).size, mock.asked.flat().length, 'asked twice');
    assert.ok(mock.asked.flat().length > 2 * mock.asked.length, 'hardly batched');
    mock.requests.length = 0;
    await page.reload();
    await drawn();
    assert.ok(mock.requests.length <= REQUESTS_MAX, mock.requests.join('\n'));
  });
});

test('a chart out of view asks when it comes into view', async () => {
  await on('/monitoring', { mock: { gpus: 2 } }, async ({ get, mock }) => {
    await get('chart-gpu-memory').locator('canvas').waitFor();
    const asked = () => mock.asked.flat().includes('node_pressure_io_waiting_seconds_total');
    assert.ok(!asked());
    await get('chart-pressure').scrollIntoViewIfNeeded();
    await get('chart-pressure').locator('canvas').waitFor();
    assert.ok(asked());
  });
});

test('a chart that has no answer says why', async () => {
  await on('/monitoring/metrics?metric=broken', {}, async ({ get, page, mock }) => {
    await get('chart-metric').getByText('broken: more than 1000 series match').waitFor();
    const tries = mock.asked.length;
    await page.getByRole('button', { name: 'Try again' }).click();
    while (mock.asked.length === tries) await page.waitForTimeout(20);
    await get('chart-metric').getByText('broken: more than 1000 series match').waitFor();
  });
});

test('without a GPU the tile says so and there is no GPU chart', async () => {
  await on('/monitoring', {}, async ({ get }) => {
    await get('tile-gpu').filter({ hasText: 'no GPU' }).waitFor();
    await liveNow(get);
    assert.equal(await get('chart-gpu').count(), 0);
  });
});

test('a host in trouble is said to be', async () => {
  await on('/monitoring', { mock: { trouble: true } }, async ({ get }) => {
    await get('verdict')
      .filter({ hasText: /This host is in trouble: .*disk \/var\/lib\/data 98/ })
      .waitFor();
    assert.equal(await get('verdict').getAttribute('data-kind'), 'crit');
  });
});

test('per core draws one line per core', async () => {
  await on('/monitoring', { mock: { cores: 3 } }, async ({ get }) => {
    await get('cpu-per-core').click();
    await get('chart-cpu')
      .getByRole('button', { name: /^core 2/ })
      .waitFor();
    assert.equal(
      await get('chart-cpu')
        .getByRole('button', { name: /^core \d/ })
        .count(),
      3,
    );
  });
});

test('dragging zooms all charts, a double click goes back', async () => {
  await on('/monitoring', {}, async ({ page, get }) => {
    const over = get('chart-cpu').locator('.u-over');
    await over.waitFor();
    const box = await over.boundingBox();
    await page.mouse.move(box.x + 100, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + 200, box.y + 40, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=\d+&to=\d+/);
    const query = new URL(page.url()).searchParams;
    const seconds = (query.get('to') - query.get('from')) / 1000;
    const expected = (900 * 100) / box.width;
    assert.ok(Math.abs(seconds - expected) < 15, `${seconds} s is not the ${expected} s drawn`);
    assert.equal(await get('range-15m').getAttribute('aria-pressed'), 'false');
    await over.waitFor();
    await over.dblclick({ position: { x: 150, y: 40 } });
    await page.waitForURL((url) => url.search === '');
    assert.equal(await get('range-15m').getAttribute('aria-pressed'), 'true');
    // One drag is one step back in the history of the browser, however many charts there are.
    await page.goBack();
    await page.waitForURL(/from=\d+&to=\d+/);
    await page.goBack();
    await page.waitForURL((url) => url.search === '');
  });
});

test('the crosshair stands on every chart at the same time', async () => {
  await on('/monitoring', {}, async ({ get }) => {
    await get('chart-memory').locator('.u-over').waitFor();
    await get('chart-cpu')
      .locator('.u-over')
      .hover({ position: { x: 120, y: 60 } });
    const cpu = await get('chart-cpu').locator('.at').textContent();
    assert.match(cpu, /^\d\d:\d\d:\d\d$/);
    assert.equal(await get('chart-memory').locator('.at').textContent(), cpu);
  });
});

test('quick ranges and typed ranges stand in the URL', async () => {
  await on('/monitoring', {}, async ({ page, get }) => {
    await get('range-6h').click();
    await page.waitForURL(/from=now-6h&to=now/);
    await get('nav-metrics').click();
    await page.waitForURL(/monitoring\/metrics\?from=now-6h/);
    await get('range-custom').click();
    await page.getByLabel('From').fill('sometime');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.getByText('not a time: “sometime”').waitFor();
    await page.getByLabel('From').fill('now-3h');
    await page.getByLabel('To', { exact: true }).fill('now-1h');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.waitForURL(/from=\d{13}&to=\d{13}/);
  });
});

test('a legend shows one line alone, and the table stands in for the chart', async () => {
  await on('/monitoring', {}, async ({ get }) => {
    const chart = get('chart-memory');
    await chart.getByRole('button', { name: /^used/ }).click();
    assert.equal(
      await chart.getByRole('button', { name: /^available/ }).getAttribute('aria-pressed'),
      'false',
    );
    await chart.getByRole('button', { name: 'Memory: show as table' }).click();
    await chart.getByRole('columnheader', { name: 'available' }).waitFor();
    assert.ok((await chart.getByRole('row').count()) > 10);
    await chart.getByRole('button', { name: 'Memory: show as chart' }).click();
    await chart.locator('canvas').waitFor();
  });
});

test('the theme goes round, is kept, and recolours the charts', async () => {
  await on('/monitoring', {}, async ({ page, get }) => {
    await get('chart-cpu').locator('canvas').waitFor();
    const background = () =>
      page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    assert.equal(await background(), 'rgb(255, 255, 255)');
    await get('theme-toggle').click();
    await get('theme-toggle').click();
    assert.equal(await background(), 'rgb(14, 17, 22)');
    await page.reload();
    assert.equal(await background(), 'rgb(14, 17, 22)');
    await get('theme-toggle').click();
    assert.equal(await background(), 'rgb(255, 255, 255)');
    await get('chart-cpu').locator('canvas').waitFor();
  });
});

test('a lost stream is said to be lost, and comes back by itself', async () => {
  const opened = await open(browser, '/monitoring');
  const { page, mock, get } = opened;
  try {
    await liveNow(get);
    mock.cutStreams();
    await page.locator('[data-testid=live-dot][data-state=lost]').waitFor();
    await get('live-dot')
      .filter({ hasText: /Lost.*last data/s })
      .waitFor();
    await page.getByText(/ · as of /).waitFor();
    await liveNow(get);
  } finally {
    await opened.close();
  }
});

test('a hidden tab pauses, a seen one goes on', async () => {
  await on('/monitoring', {}, async ({ page, get, mock }) => {
    await liveNow(get);
    const hide = (hidden) =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    const streams = () => mock.requests.filter((line) => line.endsWith('/live')).length;
    await hide(true);
    await page.locator('[data-testid=live-dot][data-state=paused]').waitFor();
    assert.equal(streams(), 1);
    await hide(false);
    await liveNow(get);
    assert.equal(streams(), 2);
  });
});

test('a server with a key asks for it, refuses a wrong one, and takes the right one', async () => {
  const opened = await open(browser, '/monitoring', { mock: { key: 'secret' } });
  const { page, get, faults } = opened;
  try {
    await get('key-input').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The server did not accept that key.').waitFor();
    await get('key-input').fill('secret');
    await page.keyboard.press('Enter');
    await liveNow(get);
    await get('chart-cpu').locator('canvas').waitFor();
    await get('nav-services').click();
    await get('row-service').first().waitFor();
    assert.equal(await page.evaluate(() => localStorage.getItem('pharos-api-key')), null);
    // The browser itself writes a line for each 401.
    assert.deepEqual(
      faults.filter((fault) => !fault.includes('401')),
      [],
    );
  } finally {
    await opened.close();
  }
});

test('an alert is acknowledged and moves to the other list', async () => {
  await on('/monitoring/alerts', {}, async ({ get }) => {
    await get('row-alert').first().waitFor();
    assert.equal(await get('row-alert').count(), 3);
    await get('acknowledge').first().click();
    await get('row-alert')
      .filter({ hasText: 'climate-ingest is down' })
      .waitFor({ state: 'detached' });
    await get('alerts-acknowledged').click();
    await get('row-alert')
      .filter({ hasText: /climate-ingest is down.*by dashboard/s })
      .waitFor();
    assert.equal(await get('row-alert').count(), 1);
  });
});

test('lists put what is wrong first and tell the exact time', async () => {
  await on('/monitoring/services', {}, async ({ get, page }) => {
    const rows = get('row-service');
    await rows.first().waitFor();
    assert.equal(await rows.first().getAttribute('data-name'), 'climate-ingest');
    assert.match(
      await rows.first().locator('time').first().getAttribute('title'),
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /,
    );
    await page.getByLabel('Filter by name').fill('gate');
    assert.equal(await rows.count(), 1);
  });
});

test('the filter of the pipelines stands in the URL', async () => {
  await on('/monitoring/pipelines', {}, async ({ get, page }) => {
    await get('row-pipeline').first().waitFor();
    await page.getByLabel('Status').selectOption('failed');
    await page.waitForURL(/status=failed/);
    await page.waitForFunction(
      () => document.querySelectorAll('[data-testid=row-pipeline]').length === 1,
    );
    await page.reload();
    await get('row-pipeline').first().waitFor();
    assert.equal(await get('row-pipeline').count(), 1);
  });
});

test('empty lists show the command that fills them, with this host in it', async () => {
  for (const list of ['services', 'pipelines', 'alerts']) {
    await on(
      `/monitoring/${list}`,
      { mock: { empty: true, base: '/deep/base' } },
      async ({ get, mock }) => {
        const text = await get('empty').locator('code').textContent();
        assert.ok(text.startsWith(`curl -X POST ${mock.url}/${list}/`), text);
        assert.ok(await get('copy').isVisible());
      },
    );
  }
});

test('a metric is found by a piece of its name and drawn', async () => {
  await on('/monitoring/metrics', {}, async ({ get, page }) => {
    await get('metric-search').fill('receive');
    await get('metric-name').first().click();
    await page.waitForURL(/metric=node_network_receive_bytes_total/);
    await get('chart-metric').locator('canvas').waitFor();
    assert.ok(await get('metric-rate').isChecked());
    assert.equal(
      await get('chart-metric')
        .getByRole('button', { name: /^device=/ })
        .count(),
      2,
    );
    await get('metric-sum').check();
    await get('chart-metric').getByText('sum', { exact: true }).waitFor();
  });
});

test('everything works below a base path', async () => {
  await on('/monitoring', { mock: { base: '/a/pharos' } }, async ({ page, get }) => {
    await get('chart-cpu').locator('canvas').waitFor();
    for (const id of ['services', 'pipelines', 'alerts', 'metrics']) {
      await get(`nav-${id}`).click();
      await page
        .locator('h1')
        .filter({ hasText: new RegExp(id, 'i') })
        .waitFor();
    }
    await get('nav-api-docs').click();
    await page.getByText('Report a state').first().waitFor();
  });
});

test('the keyboard reaches the content past the navigation', async () => {
  await on('/monitoring/services', {}, async ({ page }) => {
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
  });
});

for (const [path, text] of [
  ['/api/docs', 'Report a state'],
  ['/api/redoc', 'Report a state'],
]) {
  for (const theme of ['light', 'dark']) {
    test(`${path}, ${theme}: no fault, nothing from outside`, async () => {
      await on(path, { theme }, async ({ page }) => {
        await page.getByText(text).filter({ visible: true }).first().click();
        await page.waitForLoadState('networkidle');
        if (path === '/api/docs') {
          await page.getByText('Try it out').first().click();
          await page.getByRole('button', { name: 'Execute' }).first().click();
          await page.getByText('Server response').first().waitFor();
        }
      });
    });
  }
}
