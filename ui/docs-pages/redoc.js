// Starts ReDoc on our own OpenAPI document, with the fonts of the system and nothing from outside.
(() => {
  'use strict';

  const url = new URL('../api/openapi.json', location.href).href;
  const font = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  const mono = "ui-monospace, 'SF Mono', Menlo, Consolas, monospace";
  const options = {
    scrollYOffset: '.docs-bar',
    hideDownloadButton: true,
    // Its search index is built in a worker from generated code, which the policy bans.
    disableSearch: true,
    theme: {
      colors: { primary: { main: '#1D5BC4' }, text: { primary: '#15181E' } },
      typography: {
        fontFamily: font,
        headings: { fontFamily: font, fontWeight: '600' },
        code: { fontFamily: mono },
      },
      sidebar: { backgroundColor: '#F5F6F8', textColor: '#15181E' },
      rightPanel: { backgroundColor: '#161A21' },
    },
  };
  window.Redoc.init(url, options, document.getElementById('redoc'));
})();
