// Starts Swagger UI on our own OpenAPI document, under the same strict policy as the dashboard.
(() => {
  'use strict';

  // Swagger UI writes descriptions as HTML strings. The policy lets no plain string become
  // markup, so every one of them goes through DOMPurify on its way; scripts never do.
  window.trustedTypes?.createPolicy('default', {
    createHTML: (html) => window.DOMPurify.sanitize(html),
    createScript: () => null,
    createScriptURL: () => null,
  });

  const chosen = localStorage.getItem('pharos-theme');
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  const theme = chosen === 'light' || chosen === 'dark' ? chosen : system;
  document.documentElement.dataset.theme = theme;
  document.documentElement.classList.toggle('dark-mode', theme === 'dark');

  window.SwaggerUIBundle({
    url: new URL('../api/openapi.json', location.href).href,
    domNode: document.getElementById('swagger-ui'),
    deepLinking: true,
    docExpansion: 'list',
    displayRequestDuration: true,
    filter: true,
    // A badge would send the document's address to a machine outside.
    validatorUrl: null,
    presets: [window.SwaggerUIBundle.presets.apis],
  });
})();
