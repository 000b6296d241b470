/** The processes of a machine, as far as a lock has to know them: whether the one that took it still lives. */
export interface Processes {
  /** Names this process, and no other one that this machine ever had. One line of printable text. */
  readonly token: string;
  /** Whether the process that a token names still lives; false for what is no token. */
  isAlive(token: string): boolean;
}
