import { expect, test } from '@jest/globals';
import { abortable, untilAborted } from './abortable.js';

const never = new Promise<never>(() => undefined);

test('what is done before the signal is what is told; a failure too', async () => {
  const { signal } = new AbortController();
  expect(await abortable(Promise.resolve(5), signal)).toBe(5);
  await expect(abortable(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
});

test('the signal ends the wait with its reason, and so does one that has come before', async () => {
  const controller = new AbortController();
  const waits = [abortable(never, controller.signal), untilAborted(controller.signal)];
  controller.abort(new Error('enough'));
  await expect(waits[0]).rejects.toThrow('enough');
  await waits[1];
  await expect(abortable(never, controller.signal)).rejects.toThrow('enough');
  await untilAborted(controller.signal);
});

test('what fails after the signal disturbs nobody', async () => {
  const controller = new AbortController();
  let fail = (_error: Error): void => undefined;
  const late = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  const wait = abortable(late, controller.signal);
  controller.abort(new Error('enough'));
  fail(new Error('late'));
  await expect(wait).rejects.toThrow('enough');
});
