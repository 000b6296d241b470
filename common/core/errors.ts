/**
 * The one error class. Its `code` is stable and is what callers switch on; its message says what happened, to which file or peer,
 * and what to do about it.
 */

/** Codes that may cross the wire: `ERR <CODE> <text>`. */
export const WIRE_CODES = [
  'BAD_REQUEST',
  'UNKNOWN_COMMAND',
  'TOO_LONG',
  'NOT_FOUND',
  'DENIED',
  'BUSY',
  'LIMIT',
  'IO',
  'INTERNAL',
] as const;
export type WireCode = (typeof WIRE_CODES)[number];

/** Codes of the program's own; each maps to one exit code. */
export type LocalCode =
  | 'USAGE'
  | 'NETWORK'
  | 'PROTOCOL'
  | 'STOPPED'
  | 'DISK_FULL'
  | 'TARGET_EXISTS'
  | 'VERIFY_FAILED'
  | 'CHANGED'
  | 'INTERRUPTED';

export type ErrorCode = WireCode | LocalCode;

/** Whose fault: ours or the user's input, the other side's, or the machine's (disk, network, permissions). */
export type Fault = 'local' | 'remote' | 'environment';

/** The exit codes of the contract. */
const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  BAD_REQUEST: 6,
  UNKNOWN_COMMAND: 6,
  TOO_LONG: 6,
  NOT_FOUND: 3,
  DENIED: 24,
  BUSY: 6,
  LIMIT: 6,
  IO: 1,
  INTERNAL: 1,
  USAGE: 2,
  NETWORK: 6,
  PROTOCOL: 6,
  STOPPED: 7,
  DISK_FULL: 9,
  TARGET_EXISTS: 13,
  VERIFY_FAILED: 32,
  CHANGED: 32,
  INTERRUPTED: 130,
};

/** Whether a text is a code of this program. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(EXIT_CODES, text);
}

export class ShoalError extends Error {
  override readonly name = 'ShoalError';
  readonly code: ErrorCode;
  readonly fault: Fault;

  /** `message` is a whole sentence for a person; `cause` keeps the error below it for the log. */
  constructor(code: ErrorCode, fault: Fault, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fault = fault;
  }

  /** Exit code of a command that ends with this error. */
  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** A message that broke a protocol or a format: the other side's fault. */
export function protocolError(message: string, code: ErrorCode = 'PROTOCOL'): ShoalError {
  return new ShoalError(code, 'remote', message);
}

/** Stops the program at a mistake of our own. Never for what a peer or a user sent. */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw new ShoalError('INTERNAL', 'local', `Broken invariant: ${what}. Please report this.`);
}

/** The operating system's code of an error (`ENOENT`, `ECONNREFUSED`), or `undefined` where it has none. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** What the operating system's codes mean to a user; every other one is `IO`. */
const SYSTEM_CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EACCES: 'DENIED',
  EPERM: 'DENIED',
  EROFS: 'DENIED',
};

/** Any thrown value as a `ShoalError`; what is not one is wrapped as `INTERNAL` or, from the operating system, as `DISK_FULL`, `DENIED` or `IO`. */
export function asShoalError(error: unknown): ShoalError {
  if (error instanceof ShoalError) return error;
  const message = (error as { message?: unknown } | null | undefined)?.message;
  const text = typeof message === 'string' ? message : String(error);
  const code = systemCode(error);
  // `ERR_…` are Node's own complaints about how it was called: our mistake, not the machine's.
  if (code === undefined || !/^E(?!RR_)/.test(code)) return new ShoalError('INTERNAL', 'local', text, error);
  return new ShoalError(SYSTEM_CODES[code] ?? 'IO', 'environment', text, error);
}
