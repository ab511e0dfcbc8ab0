// The present, once a second, for everything that says "5 s ago"; it rests while the tab is hidden.

class Clock {
  now_ms = $state(Date.now());

  constructor() {
    setInterval(() => {
      if (!document.hidden) this.now_ms = Date.now();
    }, 1000);
    document.addEventListener('visibilitychange', () => (this.now_ms = Date.now()));
  }
}

export const clock = new Clock();
