// What a person does on a visit, in this order; each step leaves the page where the next expects it.
import { burn } from './burn.mjs';

const BURN_MS = 4000;
/** What both cores at work must show at least, whatever else the machine does. */
const BUSY_PERCENT = 60;

export const steps = [
  ['the dashboard opens and is live', opens],
  ['load on the processor is seen', seesLoad],
  ['a drag zooms in, and out again', zooms],
  ['the theme changes', switchesTheme],
  ['services are listed', listsServices],
  ['pipelines are listed', listsPipelines],
  ['an alert is acknowledged', acknowledges],
  ['a pushed metric is found and drawn', findsMetric],
  ['the API documentation is rendered', rendersDocs],
  ['the API reference is rendered', rendersReference],
];

async function opens(visit) {
  await visit.open('/monitoring');
  await visit.page.locator('[data-testid=live-dot][data-state=live]').waitFor();
  await visit.until('the verdict says something', async () => {
    return (await visit.at('verdict').innerText()).trim().length > 10;
  });
  await visit.at('chart-cpu').locator('canvas').first().waitFor();
  await visit.until('the chart has lines', () => hasInk(visit, 'chart-cpu'));
  await visit.fits();
  await visit.screenshot(`overview ${visit.width}`);
}

async function seesLoad(visit) {
  const before = await visit.pixels('chart-cpu');
  const load = burn(BURN_MS);
  await visit.until(`the tile shows ${BUSY_PERCENT} %`, async () => {
    return Number.parseFloat(await visit.at('tile-cpu').locator('.figure').innerText()) >= BUSY_PERCENT;
  });
  await load;
  await visit.until('the chart changes', async () => (await visit.pixels('chart-cpu')) !== before);
  await visit.screenshot(`overview ${visit.width} under load`);
}

async function zooms(visit) {
  const { page } = visit;
  await visit.at('range-5m').click();
  await visit.until('the range is in the address', () => page.url().includes('from=now-5m'));
  await visit.at('chart-cpu').scrollIntoViewIfNeeded();
  const plot = await visit.at('chart-cpu').locator('.u-over').boundingBox();
  const at = (share) => [plot.x + plot.width * share, plot.y + plot.height / 2];
  await page.mouse.move(...at(0.5));
  await page.mouse.down();
  await page.mouse.move(...at(0.7), { steps: 5 });
  await page.mouse.move(...at(0.9), { steps: 5 });
  await page.mouse.up();
  await visit.until('the range stands still', () => /from=\d+&to=\d+/.test(page.url()));
  const query = new URL(page.url()).searchParams;
  const span_s = (Number(query.get('to')) - Number(query.get('from'))) / 1000;
  // Two fifths of five minutes, give or take a pixel.
  if (Math.abs(span_s - 120) > 10) throw new Error(`zoomed to ${span_s} s instead of 120 s`);
  await visit.screenshot(`zoomed ${visit.width}`);
  await visit.at('range-out').click();
  await visit.until('the range of before is back', () => page.url().includes('from=now-5m'));
}

async function switchesTheme(visit) {
  await visit.open('/monitoring');
  await visit.at('chart-cpu').locator('canvas').first().waitFor();
  const background = () => {
    return visit.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor +
      getComputedStyle(document.body).backgroundColor);
  };
  const light = await background();
  const chart = await visit.pixels('chart-cpu');
  await chooseTheme(visit, 'dark');
  await visit.until('the page turns dark', async () => (await background()) !== light);
  await visit.until('the chart turns dark', async () => (await visit.pixels('chart-cpu')) !== chart);
  await visit.screenshot(`dark ${visit.width}`);
  await visit.page.reload();
  await visit.until('the page stays dark', async () => (await background()) !== light);
  await chooseTheme(visit, 'system');
  await visit.until('the page turns light', async () => (await background()) === light);
}

async function chooseTheme(visit, wanted) {
  const toggle = visit.at('theme-toggle');
  for (let clicks = 0; (await toggle.getAttribute('data-theme-choice')) !== wanted; clicks += 1) {
    if (clicks === 3) throw new Error(`no click leads to ${wanted}`);
    await toggle.click();
  }
}

async function listsServices(visit) {
  const name = `browser-${visit.width}`;
  await push(visit, '/services/', { name, status: 'down', endpoint: 'http://127.0.0.1:9/' });
  await visit.at('nav-services').click();
  const row = visit.page.locator(`[data-testid=row-service][data-name=${name}]`);
  await row.getByText('down', { exact: true }).waitFor();
  // The next look of the page must bring the change, without a reload.
  await push(visit, '/services/', { name, status: 'up' });
  await row.getByText('up', { exact: true }).waitFor();
  await visit.fits();
  await visit.screenshot(`services ${visit.width}`);
}

async function listsPipelines(visit) {
  const service = `browser-${visit.width}`;
  const { id } = await push(visit, '/pipelines/', {
    pipeline_type: 'training',
    status: 'running',
    service,
    metadata: { progress: 40, note: '<img src=x onerror=alert(1)>' },
  });
  await visit.at('nav-pipelines').click();
  const row = visit.page.locator(`[data-testid=row-pipeline][data-id="${id}"]`);
  await row.getByText('running', { exact: true }).waitFor();
  await row.getByText('onerror').waitFor();
  await visit.fits();
  await visit.screenshot(`pipelines ${visit.width}`);
}

async function acknowledges(visit) {
  const title = `Disk of <b>${visit.width}</b> is full`;
  const { id } = await push(visit, '/alerts/', { title, message: 'it is', severity: 3 });
  await visit.at('nav-alerts').click();
  const row = visit.page.locator(`[data-testid=row-alert][data-id="${id}"]`);
  await row.getByText(title).waitFor();
  await visit.screenshot(`alerts ${visit.width}`);
  await row.getByTestId('acknowledge').click();
  await row.waitFor({ state: 'detached' });
  await visit.at('alerts-acknowledged').click();
  await row.getByText('dashboard').waitFor();
  await visit.fits();
  const answer = await fetch(`${visit.url}/alerts/?acknowledged=true&limit=1000`);
  const known = (await answer.json()).find((alert) => alert.id === id);
  if (known?.acknowledged_by !== 'dashboard') throw new Error(`kept as ${JSON.stringify(known)}`);
}

async function findsMetric(visit) {
  const metric_type = `browser-${visit.width}`;
  for (const age_s of [40, 30, 20, 10]) {
    const timestamp = Math.round(Date.now() / 1000) - age_s;
    await push(visit, '/metrics/', { service: 'browser', metric_type, value: age_s, timestamp });
  }
  await visit.at('nav-metrics').click();
  await visit.at('metric-search').fill(metric_type);
  await visit.at('metric-name').getByText(metric_type, { exact: true }).click();
  await visit.at('chart-metric').locator('canvas').first().waitFor();
  await visit.until('the series is drawn', () => hasInk(visit, 'chart-metric'));
  await visit.fits();
  await visit.screenshot(`metrics ${visit.width}`);
}

async function rendersDocs(visit) {
  await visit.open('/api/docs');
  const operations = visit.page.locator('.opblock');
  await visit.until('operations are there', async () => (await operations.count()) > 10);
  await visit.page.getByText('/metrics/batch').first().waitFor();
  await visit.screenshot(`api docs ${visit.width}`);
}

async function rendersReference(visit) {
  await visit.open('/api/redoc');
  const operations = visit.page.locator('[id^="tag/push/"]');
  await visit.until('operations are there', async () => (await operations.count()) > 5);
  await visit.screenshot(`api redoc ${visit.width}`);
}

/** Sends a body as any other program would, and reads the answer. */
async function push(visit, path, body) {
  const answer = await fetch(visit.url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Whether a chart shows a line: pixels of a colour, where grid and letters are grey. */
function hasInk(visit, id) {
  return visit.at(id).locator('canvas').first().evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let coloured = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [red, green, blue, alpha] = data.subarray(i, i + 4);
      const spread = Math.max(red, green, blue) - Math.min(red, green, blue);
      if (alpha > 128 && spread > 60) coloured += 1;
    }
    return coloured > 10;
  });
}
