/** How a call ended, as a value that a test can compare. */
import { ShoalError, systemCode } from '../core/errors.js';

/** The code of the `ShoalError` that `run` throws; a text that equals no code where it throws something else, or nothing. */
export function errorCode(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof ShoalError ? error.code : `not a ShoalError: ${String(error)}`;
  }
  return 'nothing was thrown';
}

/** As `errorCode`, for a promise. */
export async function rejectionCode(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof ShoalError ? error.code : `not a ShoalError: ${String(error)}`;
  }
  return 'nothing was thrown';
}

/** As `rejectionCode`, for a promise of the system: `done` where nothing was thrown. */
export async function systemCodeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return systemCode(error) ?? `no error of the system: ${String(error)}`;
  }
  return 'done';
}

/** Whether `run` returns, or throws a `ShoalError`: all that a parser may do with what a stranger sent. */
export function isContained(run: () => unknown): boolean {
  return !errorCode(run).startsWith('not a ShoalError');
}
