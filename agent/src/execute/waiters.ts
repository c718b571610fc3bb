// Those who wait until something is true, asked again whenever it may have become so.
export class Waiters {
  #looks: (() => void)[] = [];

  until(isTrue: () => boolean): Promise<void> {
    if (isTrue()) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        if (isTrue()) resolve();
        else this.#looks.push(look);
      };
      this.#looks.push(look);
    });
  }

  wake(): void {
    if (this.#looks.length === 0) return;
    const looks = this.#looks;
    this.#looks = [];
    for (const look of looks) look();
  }
}
