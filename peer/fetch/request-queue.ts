/** The queue that bounds how many requests a fetch has under way. The one door to p-queue. */
import PQueue from 'p-queue';

export type RequestQueue = PQueue;

export function createRequestQueue(requestsMaxCount: number): RequestQueue {
  return new PQueue({ concurrency: requestsMaxCount });
}
