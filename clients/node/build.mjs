// Builds dist/esm and dist/cjs from the same sources: one for `import`, one for `require`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));

const formats = {
    esm: { type: 'module', flags: [] },
    cjs: { type: 'commonjs', flags: ['--module', 'CommonJS', '--moduleResolution', 'Bundler'] },
};

rmSync('dist', { recursive: true, force: true });
for (const [name, { type, flags }] of Object.entries(formats)) {
    const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--outDir', `dist/${name}`];
    execFileSync(process.execPath, [...tsc, ...flags], { stdio: 'inherit' });
    mkdirSync(`dist/${name}`, { recursive: true });
    writeFileSync(`dist/${name}/package.json`, JSON.stringify({ type }) + '\n');
}
