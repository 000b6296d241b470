import { expect, test } from '@jest/globals';
import { SimProcesses } from './sim-processes.js';

test('processes of a simulated machine know of each other whether they live, and none comes back', () => {
  const machine = new SimProcesses();
  const [first, second] = [machine.start(), machine.start()];
  expect(second.isAlive(first.token) && first.isAlive(second.token) && first.isAlive(first.token)).toBe(true);
  first.end();
  first.end();
  const third = machine.start();
  expect([second.isAlive(first.token), second.isAlive(third.token), third.isAlive('no token')]).toEqual([false, true, false]);
  expect(new Set([first.token, second.token, third.token]).size).toBe(3);
  machine.endAll();
  const fourth = machine.start();
  expect([third, second, fourth].map(({ token }) => fourth.isAlive(token))).toEqual([false, false, true]);
});
