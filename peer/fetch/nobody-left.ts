/** How a fetch ends that no peer can finish. */
import { ShoalError } from '../../common/core/errors.js';
import type { Plan } from './plan.js';

/** `VERIFY_FAILED` where all peers sent wrong data, else `NETWORK`; says what is missing, and that going on is possible. */
export function nobodyLeft({ had, missingCount }: Plan, isAllLiars: boolean): ShoalError {
  const missing = `${missingCount} of ${had.length} chunks are missing (the first is ${had.nextMissing(0)})`;
  const keep = 'What is verified is kept: run the same command again when a peer is there.';
  return isAllLiars
    ? new ShoalError('VERIFY_FAILED', 'remote', `Every peer sent wrong data and was banned; ${missing}. ${keep}`)
    : new ShoalError('NETWORK', 'remote', `No peer is left that has what is missing; ${missing}. ${keep}`);
}
