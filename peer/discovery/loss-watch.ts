/**
 * Whether a tracker has lost a part of what this peer registered, by the number of registrations that it says it has: over UDP a tracker
 * can restart between two of them, and a sign of life keeps what came after that.
 *
 * Invariant: what a tracker keeps leaving out is told to it once more, and not in each round.
 */
export class LossWatch {
  /** A count that stayed too small though everything was told again. */
  #acceptedCount: number | undefined;

  /** `saidCount` is `undefined` of a tracker that does not tell. */
  isLoss(registeredCount: number, saidCount: number | undefined): boolean {
    if (saidCount === undefined) return false;
    if (saidCount >= registeredCount) this.#acceptedCount = undefined;
    if (saidCount >= registeredCount || saidCount === this.#acceptedCount) return false;
    this.#acceptedCount = saidCount;
    return true;
  }
}
