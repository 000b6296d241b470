import { expect, test } from '@jest/globals';
import { LOG_GATE_LINES_COUNT, LOG_GATE_MS } from '../../common/core/limits.js';
import { LogGate } from './log-gate.js';

test('OV7: a few lines pass in each span, and the first of the next tells how many did not', () => {
  const gate = new LogGate();
  const passed = Array.from({ length: 1000 }, () => gate.pass(0)).filter((count) => count !== undefined);
  expect(passed).toEqual(new Array(LOG_GATE_LINES_COUNT).fill(0));
  expect(gate.pass(LOG_GATE_MS - 1)).toBeUndefined();
  expect(gate.pass(LOG_GATE_MS)).toBe(1001 - LOG_GATE_LINES_COUNT);
  expect(gate.pass(LOG_GATE_MS)).toBe(0);
});
