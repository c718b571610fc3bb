const timerMsMax = 2 ** 31 - 1;
/** A timer that also holds for more than 24 days. */
export function longTimeout(ms: number, act: () => void): { cancel(): void } {
  let timer: NodeJS.Timeout;
  const arm = (left: number): void => {
    timer = setTimeout(() => (left > timerMsMax ? arm(left - timerMsMax) : act()), Math.min(left, timerMsMax));
  };
  arm(ms);
  return { cancel: () => clearTimeout(timer) };
}
