/**
 * The shortest time in which a seed and its fetchers can all be done, if data were a fluid: nobody waits, every uplink is full from the
 * first moment on, and each drop goes to somebody who needs it. No swarm can beat it (Kumar and Ross, "Peer-assisted file distribution:
 * the minimum distribution time", 2006).
 *
 * It is for fetchers that come at once and stay. Where they come one after the other, each one's stay is counted from its own arrival
 * and held against the same figure: what the crowd would need if it came at once. The first to come can be faster than that.
 */
export interface FluidLine {
  readonly upBytesPerSecond: number;
  readonly downBytesPerSecond: number;
}

/** max(F/u_s, F/d_min, N·F/(u_s + Σu_i)), in milliseconds. There must be a fetcher. */
export function fluidBoundMs(fileBytes: number, seedUpBytesPerSecond: number, fetchers: readonly FluidLine[]): number {
  const slowestDown = Math.min(...fetchers.map(({ downBytesPerSecond }) => downBytesPerSecond));
  const allUp = fetchers.reduce((sum, { upBytesPerSecond }) => sum + upBytesPerSecond, seedUpBytesPerSecond);
  return 1000 * Math.max(fileBytes / seedUpBytesPerSecond, fileBytes / slowestDown, (fetchers.length * fileBytes) / allUp);
}
