// Light, dark, or as the system has it; remembered in this browser.

export type Theme = 'system' | 'light' | 'dark';

const STORAGE_KEY = 'pharos-theme';
const ORDER: readonly Theme[] = ['system', 'light', 'dark'];

class ThemeState {
  chosen = $state<Theme>('system');
  #systemIsDark = $state(false);

  constructor() {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    this.#systemIsDark = dark.matches;
    dark.addEventListener('change', () => (this.#systemIsDark = dark.matches));
    const stored = localStorage.getItem(STORAGE_KEY);
    this.chosen = ORDER.find((theme) => theme === stored) ?? 'system';
    this.#apply();
  }

  /** What is on the screen now. */
  get resolved(): 'light' | 'dark' {
    if (this.chosen !== 'system') return this.chosen;
    return this.#systemIsDark ? 'dark' : 'light';
  }

  get next(): Theme {
    return ORDER[(ORDER.indexOf(this.chosen) + 1) % ORDER.length] ?? 'system';
  }

  toggle(): void {
    this.chosen = this.next;
    localStorage.setItem(STORAGE_KEY, this.chosen);
    this.#apply();
  }

  #apply(): void {
    if (this.chosen === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = this.chosen;
  }
}

export const theme = new ThemeState();
