/** Ctrl-C and SIGTERM as an AbortSignal whose reason is the error that the command ends with. A second signal ends the process at once. */
import { ShoalError } from '../../common/core/errors.js';

export interface StopSignal {
  readonly signal: AbortSignal;
  /** As if a signal had come; `error` is its reason. Once it has come, nothing. */
  stop(error: ShoalError): void;
  /** Stops listening. Idempotent. */
  close(): void;
}

/** `advice` is what to do to go on later. */
export function listenForStop(advice: string): StopSignal {
  const controller = new AbortController();
  const stop = (error: ShoalError) => {
    // The second signal: whoever sends it does not want to wait for goodbyes and syncs.
    if (controller.signal.aborted) process.exit(error.exitCode);
    controller.abort(error);
  };
  const onInterrupt = () => stop(new ShoalError('INTERRUPTED', 'local', `Interrupted. ${advice}`));
  const onTerminate = () => stop(new ShoalError('STOPPED', 'local', `Stopped. ${advice}`));
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate);
  return {
    signal: controller.signal,
    stop: (error) => controller.abort(error),
    close: () => {
      process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate);
    },
  };
}
