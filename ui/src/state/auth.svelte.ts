// The API key of this tab, and whether the server has asked for one.

const STORAGE_KEY = 'pharos-api-key';

class Auth {
  /** The server answered 401 and no key has been entered since. */
  needed = $state(false);
  /** The key that was on when the server refused: then it was a wrong one. */
  refused = $state(false);
  /** Grows with every new key, so that screens load again. */
  epoch = $state(0);

  key(): string | null {
    return sessionStorage.getItem(STORAGE_KEY);
  }

  enter(key: string): void {
    sessionStorage.setItem(STORAGE_KEY, key);
    this.needed = false;
    this.epoch += 1;
  }

  refuse(): void {
    this.refused = this.key() !== null;
    sessionStorage.removeItem(STORAGE_KEY);
    this.needed = true;
  }
}

export const auth = new Auth();
