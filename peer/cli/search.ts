/** `peer search`: contents whose name holds a text. */
import type { CommandInput, CommandSpec } from '../../common/cli/command-spec.js';
import { asShoalError, ShoalError } from '../../common/core/errors.js';
import { parseSearchText } from '../../common/core/fold.js';
import { ASK_FLAGS, askTrackers, CONTENT_ROWS, maxOf, printRows } from './ask-trackers.js';
import { withJsonErrors } from './json-errors.js';

export const searchCommand: CommandSpec = {
  name: 'search',
  summary: 'find files by a part of their name',
  args: [{ name: 'text', help: 'part of a name, in whatever case' }],
  flags: ASK_FLAGS,
  examples: ['peer search ubuntu', "peer search 'my film' --json --tracker 192.168.1.5:4700"],
  run: (input) => withJsonErrors(input, runSearch),
};

async function runSearch(input: CommandInput): Promise<number> {
  const text = input.args[0] ?? '';
  try {
    parseSearchText(text);
  } catch (error) {
    throw new ShoalError('USAGE', 'local', asShoalError(error).message, error);
  }
  const maxCount = maxOf(input);
  const answer = await askTrackers(input, (directory) => directory.search(text, maxCount));
  if (answer.rows.length === 0) throw new ShoalError('NOT_FOUND', 'local', `Nobody shares anything with "${text}" in its name.`);
  printRows(input, answer, CONTENT_ROWS);
  return 0;
}
