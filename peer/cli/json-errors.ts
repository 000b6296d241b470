/** However early a command fails, a program that asked for `--json` hears of it on standard output. */
import type { CommandInput } from '../../common/cli/command-spec.js';
import { asShoalError } from '../../common/core/errors.js';

/** Runs a command; throws what it throws. */
export async function withJsonErrors(input: CommandInput, run: (input: CommandInput) => Promise<number>): Promise<number> {
  try {
    return await run(input);
  } catch (error) {
    const { code, exitCode, message } = asShoalError(error);
    if (input.switch('json') === true)
      process.stdout.write(`${JSON.stringify({ event: 'error', code, exit: exitCode, message })}\n`);
    throw error;
  }
}
