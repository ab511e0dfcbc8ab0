// The screens of the dashboard: their paths, names, signs, and how each is loaded.
import Bell from '@lucide/svelte/icons/bell';
import ChartLine from '@lucide/svelte/icons/chart-line';
import LayoutDashboard from '@lucide/svelte/icons/layout-dashboard';
import Server from '@lucide/svelte/icons/server';
import Workflow from '@lucide/svelte/icons/workflow';
import type { Component } from 'svelte';
import Overview from '../routes/Overview.svelte';

export interface Screen {
  id: string;
  path: string;
  title: string;
  icon: Component<{ size?: number }>;
  /** Whether the time range has a meaning here. */
  ranged: boolean;
  load: () => Promise<Component>;
}

type Loaded = { default: Component };
const part = (load: () => Promise<Loaded>) => async (): Promise<Component> =>
  (await load()).default;

// The overview comes with the page, the others when they are first opened.
export const SCREENS: readonly Screen[] = [
  {
    id: 'overview',
    path: '',
    title: 'Overview',
    icon: LayoutDashboard,
    ranged: true,
    load: () => Promise.resolve(Overview),
  },
  {
    id: 'services',
    path: '/services',
    title: 'Services',
    icon: Server,
    ranged: false,
    load: part(() => import('../routes/Services.svelte')),
  },
  {
    id: 'pipelines',
    path: '/pipelines',
    title: 'Pipelines',
    icon: Workflow,
    ranged: false,
    load: part(() => import('../routes/Pipelines.svelte')),
  },
  {
    id: 'alerts',
    path: '/alerts',
    title: 'Alerts',
    icon: Bell,
    ranged: false,
    load: part(() => import('../routes/Alerts.svelte')),
  },
  {
    id: 'metrics',
    path: '/metrics',
    title: 'Metrics',
    icon: ChartLine,
    ranged: true,
    load: part(() => import('../routes/Metrics.svelte')),
  },
];

export function screenAt(path: string): Screen | undefined {
  return SCREENS.find((screen) => screen.path === path);
}
