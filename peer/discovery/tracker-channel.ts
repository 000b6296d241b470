/** The way to one tracker: request in, lines of its reply out. `TrackerClient` gives them their meaning, whatever carries them. */
import type { HostPort } from '../../common/core/peer-address.js';
import type { TrackerRequest } from '../../common/wire/tracker-requests.js';

export interface TrackerChannel {
  readonly tracker: HostPort;
  /** The IP address that it last answered from; `undefined` before that. */
  readonly remoteIp: string | undefined;
  /**
   * Sends a request and gives each line of the reply to `take` until that returns true. What `take` throws is this request's failure
   * where the line is an ERR, and otherwise says that no tracker answers there. Throws what an ERR stands for, `NETWORK`, `PROTOCOL`, or
   * `STOPPED` after `close`. It does not retry beyond what its carrier needs: whoever asks decides what a failure means.
   */
  request(request: TrackerRequest, take: (line: string) => boolean): Promise<void>;
  /** Open requests fail with `STOPPED`. Idempotent. */
  close(): Promise<void>;
}
