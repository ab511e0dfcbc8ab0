// The server under test, with a data folder of its own that goes away with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const START_MS_MAX = 20_000;

/** Where logs and screenshots of tests are kept. */
export const LOGS = join(import.meta.dirname, '../../target/test-logs');

/** Starts the binary and waits until it says where its dashboard is. */
export async function startServer(binary) {
  mkdirSync(LOGS, { recursive: true });
  const dir = mkdtempSync(join(tmpdir(), 'pharos-browser-'));
  const child = spawn(binary, ['--listen', '127.0.0.1:0', '--data-dir', join(dir, 'data')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { UPDATE_INTERVAL: '1' },
  });
  // Even when this program is interrupted, no server stays behind.
  process.once('exit', () => child.kill('SIGKILL'));
  child.stderr.pipe(createWriteStream(join(LOGS, 'browser-server.log')));
  const url = await dashboardOf(child);
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function dashboardOf(child) {
  const late = setTimeout(() => child.kill('SIGKILL'), START_MS_MAX);
  child.once('error', () => {});
  for await (const line of createInterface({ input: child.stdout })) {
    const match = /^\s*dashboard\s+(http:\/\/\S+)\/monitoring$/.exec(line);
    if (!match) continue;
    clearTimeout(late);
    return match[1];
  }
  throw new Error(`${child.spawnfile} did not start; see target/test-logs/browser-server.log`);
}
