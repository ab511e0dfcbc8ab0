// How the dashboard is built: one page, hashed assets, nothing inline, any base path.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { licences } from './scripts/licences.mjs';

/** Where `npm run dev` finds a running server to talk to. */
const devServer = process.env['PHAROS_URL'] ?? 'http://127.0.0.1:8000';

/**
 * Holds the first paint until the entry script has set the chosen theme:
 * an inline script could do this too, but the content security policy bans it.
 */
function blockRenderOnEntry(): Plugin {
  return {
    name: 'block-render-on-entry',
    apply: 'build',
    enforce: 'post',
    transformIndexHtml: (html) =>
      html.replace('<script type="module"', '<script type="module" blocking="render"'),
  };
}

/** Makes `import url from 'virtual:licences'` the address of a text with all licences we ship under. */
function licencesAsset(): Plugin {
  const id = '\0licences';
  let building = false;
  return {
    name: 'licences',
    configResolved: ({ command }) => {
      building = command === 'build';
    },
    resolveId: (source) => (source === 'virtual:licences' ? id : null),
    load(source) {
      if (source !== id) return null;
      if (!building) return 'export default ""';
      const file = this.emitFile({ type: 'asset', name: 'licences.txt', source: licences() });
      return `export default import.meta.ROLLUP_FILE_URL_${file}`;
    },
  };
}

export default defineConfig({
  plugins: [svelte({ configFile: false }), blockRenderOnEntry(), licencesAsset()],
  base: './',
  experimental: {
    // Only index.html names an absolute path, so a server with a base path rewrites that one file.
    renderBuiltUrl: (filename, { hostType }) =>
      hostType === 'html' ? `/${filename}` : { relative: true },
  },
  build: {
    // The first versions with the CSS function light-dark(), on which the colour tokens rest.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // The policy allows fonts and images from files only, so nothing becomes a data URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/services/', '/pipelines/', '/alerts/', '/health'].map((path) => [path, devServer]),
    ),
  },
  test: { include: ['src/**/*.test.ts'] },
});
