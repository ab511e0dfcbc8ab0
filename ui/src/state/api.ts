// The client of this page, tied to where the page was served from and to this tab's key.
import { Client } from '../api/client';
import { auth } from './auth.svelte';
import { router } from './router.svelte';

export const api = new Client({
  base: router.base,
  apiKey: () => auth.key(),
  onUnauthorized: () => auth.refuse(),
});
