/** Chance as an input. */
export interface Random {
  /** A whole number from 0 to `count` − 1. */
  below(count: number): number;
}
