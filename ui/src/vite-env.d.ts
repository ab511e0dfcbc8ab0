// Types of the things Vite lets a module import besides code, such as stylesheets.
/// <reference types="vite/client" />
/// <reference types="svelte" />

declare module 'virtual:licences' {
  /** The address of the text with the licences of all shipped packages. */
  const url: string;
  export default url;
}

declare module '*/scripts/licences.mjs' {
  export function licences(): string;
}
