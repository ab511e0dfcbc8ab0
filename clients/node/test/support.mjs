// What the tests share: the far sides they play against, and programs in processes of their own.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const HERE = fileURLToPath(new URL('.', import.meta.url));
export const PACKAGE = join(HERE, '..');
const CASE_SERVER = join(PACKAGE, '../cases/server.py');
// Nothing here takes long; a hang must end.
const LIMIT_MS = 30_000;

/** The scripted server of the shared cases; with a folder, behind https with a certificate there. */
export async function caseServer(tlsFolder) {
    const flags = tlsFolder === undefined ? [] : ['--tls', tlsFolder];
    const child = spawn('python3', [CASE_SERVER, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
    const line = await firstLine(child, /listening on (\S+)/);
    const url = line[1];
    return {
        url,
        play: (script) => fetch(`${url}/_case`, { method: 'POST', body: JSON.stringify(script ?? {}) }),
        seen: async () => (await (await fetch(`${url}/_seen`)).json()).requests,
        stop: () => child.stdin.end(),
    };
}

/** Why a test against the real server is skipped; false if it is not. */
export const withoutPharos = process.env.PHAROS_BIN ? false : 'PHAROS_BIN names no binary';

/** The real server, on a folder of its own. */
export async function pharos(flags = ['--no-collect'], port = undefined, env = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'pharos-node-'));
    const url = `http://127.0.0.1:${port ?? (await freePort())}`;
    const listen = ['--listen', url.slice('http://'.length), '--data-dir', folder];
    const child = spawn(process.env.PHAROS_BIN, [...listen, ...flags], { stdio: 'ignore', env: { ...process.env, ...env } });
    await until(async () => (await fetch(`${url}/-/ready`)).ok);
    return {
        url,
        get: async (path) => (await fetch(url + path)).json(),
        query: (text) => query(url, text),
        stop: () => {
            child.kill('SIGKILL');
            rmSync(folder, { recursive: true, force: true });
        },
    };
}

/** The instant vector of `text`, as [labels, number] pairs. */
export async function query(url, text) {
    const answer = await (await fetch(`${url}/api/v1/query?query=${encodeURIComponent(text)}`)).json();
    return answer.data.result.map(({ metric, value }) => [metric, Number(value[1])]);
}

/** Asks again until `check` answers something true, and answers that. */
export async function until(check) {
    const end = Date.now() + LIMIT_MS;
    for (let error; ; ) {
        try {
            const answer = await check();
            if (answer) return answer;
        } catch (caught) {
            error = caught;
        }
        if (Date.now() > end) throw error ?? new Error(`never true: ${check}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

/** Runs a program to its end: {code, signal, out, err}. `started` gets the child. */
export function run(command, args, { env = {}, cwd = PACKAGE, started = () => {} } = {}) {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
    const told = { out: '', err: '' };
    child.stdout.on('data', (part) => (told.out += part));
    child.stderr.on('data', (part) => (told.err += part));
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS * 3);
    started(child, told);
    return new Promise((resolve) => {
        child.on('close', (code, signal) => {
            clearTimeout(limit);
            resolve({ code, signal, ...told });
        });
    });
}

/** Runs JavaScript text in a Node of its own, which finds the package by its name. */
export async function runNode(text, { type = 'module', ...options } = {}) {
    // Inside of the package: it may name itself there.
    const folder = mkdtempSync(join(HERE, 'tmp-'));
    const file = join(folder, type === 'module' ? 'main.mjs' : 'main.cjs');
    writeFileSync(file, text);
    try {
        return await run(process.execPath, [file], options);
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
}

export function freePort() {
    return new Promise((resolve) => {
        const server = createServer().listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

function firstLine(child, pattern) {
    return new Promise((resolve, reject) => {
        let text = '';
        child.stdout.on('data', (part) => {
            text += part;
            const match = pattern.exec(text);
            if (match) resolve(match);
        });
        child.on('error', reject);
        child.on('exit', () => reject(new Error(`it ended: ${text}`)));
    });
}
