/** The structured log, one JSON object a line on standard error. The one door to pino. */
import { destination, pino } from 'pino';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A log to standard error. Synchronous, so that the last line before an exit is there. */
export function createLog(name: string, level: LogLevel): Log {
  return pino({ name, level, base: null }, destination({ dest: 2, sync: true }));
}
