// Rows of one height in a scroll area, also where there are more rows than a browser can scroll over: past
// `scrollHeightMax` one pixel of scrolling stands for more than one pixel of rows.
//  V1. Scrolled to the very end, the last row is the last one visible, and to the very top, the first.

/** Firefox stops at 17.8 million pixels, Chromium at 33.5 million. */
export const scrollHeightMax = 8_000_000;

export interface RowWindow {
  /** Height of the area that is scrolled over. */
  readonly scrollHeight: number;
  /** First and last row to draw; the last is exclusive. */
  readonly first: number;
  readonly end: number;
  /** Where the first of them stands, from the top of the scrolled area. */
  readonly top: number;
}

export function rowWindow(
  rows: number,
  rowHeight: number,
  viewHeight: number,
  scrollTop: number,
  overscan = 12,
): RowWindow {
  const rowsHeight = rows * rowHeight;
  const scrollHeight = Math.min(rowsHeight, scrollHeightMax);
  const scrollRange = Math.max(1, scrollHeight - viewHeight);
  const at = Math.min(Math.max(0, scrollTop), scrollRange);
  // The rows' own scroll position; the same as `at` where nothing is scaled.
  const rowsTop = scrollHeight === rowsHeight ? at : (at / scrollRange) * (rowsHeight - viewHeight);
  const first = Math.max(0, Math.floor(rowsTop / rowHeight) - overscan);
  const end = Math.min(rows, Math.ceil((rowsTop + viewHeight) / rowHeight) + overscan);
  return { scrollHeight, first, end, top: at - (rowsTop - first * rowHeight) };
}
