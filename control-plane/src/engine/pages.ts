// Values by position, in pages, so that a decision copies the pages that it touches and not ten thousand places.

const bits = 7;
const pageSize = 1 << bits;

/** Sparse and never changed; `PagesDraft` makes the next one. */
export type Pages<T> = readonly (readonly (T | undefined)[] | undefined)[];

export const pageAt = <T>(pages: Pages<T>, slot: number): T | undefined => pages[slot >> bits]?.[slot & (pageSize - 1)];

export class PagesDraft<T> {
  private pages: (readonly (T | undefined)[] | undefined)[];
  private ownsPages = false;
  private readonly own = new Map<number, (T | undefined)[]>();

  constructor(start: Pages<T>) {
    this.pages = start as (readonly (T | undefined)[] | undefined)[]; // copied before the first change
  }

  get(slot: number): T | undefined {
    return pageAt(this.pages, slot);
  }

  set(slot: number, value: T): void {
    const at = slot >> bits;
    let page = this.own.get(at);
    if (page === undefined) {
      if (!this.ownsPages) {
        this.pages = this.pages.slice();
        this.ownsPages = true;
      }
      page = this.pages[at]?.slice() ?? new Array<T | undefined>(pageSize).fill(undefined);
      this.own.set(at, page);
      while (this.pages.length < at) this.pages.push(undefined);
      this.pages[at] = page;
    }
    page[slot & (pageSize - 1)] = value;
  }

  /** What it has come to. Set nothing afterwards. */
  done(): Pages<T> {
    return this.pages;
  }
}
