/** A log that nobody reads: what hostile input makes a server say is not what is tested here. */
import type { Log } from '../../common/node/log.js';

const ignore = (): void => undefined;

export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
