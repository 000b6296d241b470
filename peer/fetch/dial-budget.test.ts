import { expect, test } from '@jest/globals';
import { DialBudget } from './dial-budget.js';

test('MT1: an address where nobody answers may be dialed once a minute, and after three tries never again', () => {
  const budget = new DialBudget();
  const dials: number[] = [];
  for (let nowMs = 0; nowMs < 3_600_000; nowMs += 1000) {
    if (!budget.mayDial('10.0.0.1:80', nowMs)) continue;
    dials.push(nowMs);
    budget.failed('10.0.0.1:80', nowMs);
  }
  expect(dials).toEqual([0, 60_000, 120_000]);
  expect(budget.mayDial('10.0.0.1:81', 0)).toBe(true);
});

test('where a peer was reached once, it is not for the budget to say', () => {
  const budget = new DialBudget();
  budget.failed('10.0.0.1:5', 0);
  budget.reached('10.0.0.1:5');
  for (let n = 0; n < 9; n += 1) budget.failed('10.0.0.1:5', n);
  expect(budget.mayDial('10.0.0.1:5', 10)).toBe(true);
});
