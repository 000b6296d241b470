/** What the system's errors about connections and ports mean to a user, and what to do about them. */
import { ShoalError, systemCode } from '../core/errors.js';
import { formatHostPort, type HostPort } from '../core/peer-address.js';

/** Why `to` cannot be reached. */
export function reachError(to: HostPort, error: Error): ShoalError {
  const at = formatHostPort(to);
  const advice: Readonly<Record<string, string>> = {
    ECONNREFUSED: `Nothing listens at ${at}; is the program there running, and is the port right?`,
    ENOTFOUND: `The host name in ${at} is not known; check it for typing errors.`,
    EAI_AGAIN: `The host name in ${at} could not be resolved; is the network up?`,
    ETIMEDOUT: `No answer from ${at}; is the machine up, and does a firewall let the port through?`,
    EHOSTUNREACH: `No route to ${at}; is this machine on the right network?`,
    ENETUNREACH: `No route to ${at}; is this machine on the right network?`,
  };
  return new ShoalError(
    'NETWORK',
    'environment',
    advice[systemCode(error) ?? ''] ?? `Cannot connect to ${at}: ${error.message}.`,
    error,
  );
}

/** Why a port cannot be had. */
export function listenError(hostPort: HostPort, error: Error, protocol: 'TCP' | 'UDP' = 'TCP'): ShoalError {
  const at = `${protocol === 'UDP' ? 'UDP ' : ''}${formatHostPort(hostPort)}`;
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new ShoalError('NETWORK', 'environment', `${at} is taken by another program; choose another --port.`, error);
    case 'EACCES':
      return new ShoalError('DENIED', 'environment', `Not allowed to listen on ${at}; ports below 1024 need root.`, error);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ShoalError(
        'NETWORK',
        'environment',
        `${hostPort.host} is no address of this machine; choose another --host.`,
        error,
      );
    default:
      return new ShoalError('NETWORK', 'environment', `Cannot listen on ${at}: ${error.message}.`, error);
  }
}
