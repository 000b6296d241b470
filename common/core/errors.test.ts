import { describe, expect, test } from '@jest/globals';
import { asShoalError, type ErrorCode, invariant, ShoalError, systemCode } from './errors.js';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: it failed, write`), { code });
}

describe('errors', () => {
  test.each<[ErrorCode, number]>([
    ['INTERNAL', 1],
    ['USAGE', 2],
    ['NOT_FOUND', 3],
    ['NETWORK', 6],
    ['STOPPED', 7],
    ['DISK_FULL', 9],
    ['TARGET_EXISTS', 13],
    ['DENIED', 24],
    ['VERIFY_FAILED', 32],
    ['INTERRUPTED', 130],
  ])('%s ends a command with exit code %d', (code, exitCode) => {
    expect(new ShoalError(code, 'local', 'It failed.').exitCode).toBe(exitCode);
  });

  test.each([
    ['ENOSPC', 'DISK_FULL', 'environment'],
    ['EDQUOT', 'DISK_FULL', 'environment'],
    ['EACCES', 'DENIED', 'environment'],
    ['EPERM', 'DENIED', 'environment'],
    ['EROFS', 'DENIED', 'environment'],
    ['EIO', 'IO', 'environment'],
    ['ERR_INVALID_ARG_TYPE', 'INTERNAL', 'local'],
    ['42P01', 'INTERNAL', 'local'],
  ])('a system error %s becomes %s, and whose fault it is stays true', (code, expected, fault) => {
    const error = systemError(code);
    expect(asShoalError(error)).toMatchObject({ code: expected, fault, message: error.message, cause: error });
  });

  test('anything that is thrown becomes a ShoalError, and a ShoalError stays itself', () => {
    const own = new ShoalError('BUSY', 'remote', 'Full.');
    expect(asShoalError(own)).toBe(own);
    for (const odd of [undefined, null, 'text', 7, {}, { message: 5 }, Symbol('x')]) {
      expect(asShoalError(odd)).toMatchObject({ code: 'INTERNAL', fault: 'local' });
    }
    expect([systemCode(null), systemCode({ code: 7 }), systemCode(systemError('EIO'))]).toEqual([undefined, undefined, 'EIO']);
  });

  test('a broken invariant names itself', () => {
    expect(() => invariant(false, 'the count is whole')).toThrow('Broken invariant: the count is whole.');
    expect(() => invariant(true, 'the count is whole')).not.toThrow();
  });
});
