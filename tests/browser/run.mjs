// The pages in a real browser: what people see, at the width of a desk and of a phone, against the
// real server. Run by tests/run.sh; alone: node tests/browser/run.mjs [SERVER_BINARY]
import { existsSync } from 'node:fs';
import { steps } from './steps.mjs';
import { startServer } from './server.mjs';
import { CHROMIUM, openBrowser, Visit } from './visit.mjs';

const WIDTHS = [1280, 390];
if (!existsSync(CHROMIUM)) {
  console.log(`skipped: there is no ${CHROMIUM}; tests/install-tools.sh installs it`);
  console.log('0 passed, 0 failed');
  process.exit(0);
}
const binary = process.argv[2] ?? process.env.PHAROS_BIN ?? 'target/debug/pharos';

const server = await startServer(binary);
const browser = await openBrowser();
const counts = { passed: 0, failed: 0 };
try {
  for (const width of WIDTHS) {
    const visit = await Visit.begin(browser, server.url, width);
    for (const [name, step] of steps) await check(`${width} px: ${name}`, visit, step);
    await visit.end();
  }
} finally {
  await browser.close();
  await server.stop();
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;

/** One step passes when it throws nothing and the page has nothing to complain about. */
async function check(name, visit, step) {
  let problems = [];
  try {
    await step(visit);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    await visit.screenshot(`failed ${name}`);
  }
  problems = [...problems, ...visit.takeComplaints()];
  counts[problems.length === 0 ? 'passed' : 'failed'] += 1;
  console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${name}`);
  for (const problem of problems) console.log(`       ${problem.replaceAll('\n', '\n       ')}`);
}
