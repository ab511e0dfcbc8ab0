// What a screen reader should hear without looking for it: one polite and one urgent line.

class Announcer {
  polite = $state('');
  urgent = $state('');

  say(text: string): void {
    this.polite = text;
  }

  alarm(text: string): void {
    this.urgent = text;
  }
}

export const announcer = new Announcer();
