// Where the page begins: styles, the theme before the first paint, the live stream, the shell.
import { mount } from 'svelte';
import './design/tokens.css';
import './design/fonts.css';
import './design/base.css';
import './state/theme.svelte';
import App from './App.svelte';
import { live } from './state/live.svelte';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no element #app');
live.start();
mount(App, { target });
