/** Every target, in the order in which a run takes them. */

import type { Target } from './target.js';
import { chunkServer } from './targets/chunk-server.js';
import { fetcher, trackerClientTcp, trackerClientUdp } from './targets/clients.js';
import { controlServer } from './targets/control-server.js';
import { datagramReplies, datagramRequests } from './targets/datagrams.js';
import { hashCaches, locks } from './targets/disk-files.js';
import { folderIndexes, manifests, msgpackDoor } from './targets/documents.js';
import { configFiles, controlLines, stateFiles } from './targets/local-files.js';
import { hashRecords, journals, recordLogs } from './targets/logs.js';
import { addresses, amounts, links, names } from './targets/names.js';
import { peerDocuments } from './targets/peer-documents.js';
import { peerHeaders, peerRequests } from './targets/peer-lines.js';
import { peerReplies } from './targets/peer-replies.js';
import { trackerLines } from './targets/tracker-lines.js';
import { trackerReplies } from './targets/tracker-replies.js';
import { trackerTcp, trackerUdp } from './targets/tracker-server.js';

/** What turns bytes into something that the program trusts. */
export const DECODERS: readonly Target[] = [
  trackerLines,
  trackerReplies,
  datagramRequests,
  datagramReplies,
  peerRequests,
  peerHeaders,
  peerReplies,
  peerDocuments,
  msgpackDoor,
  manifests,
  folderIndexes,
  journals,
  recordLogs,
  hashRecords,
  names,
  addresses,
  links,
  amounts,
  stateFiles,
  controlLines,
  configFiles,
];

/** Whole servers and clients, on a simulated network or a socket of their own, and what lives on a disk. */
export const SERVERS: readonly Target[] = [
  trackerTcp,
  trackerUdp,
  chunkServer,
  controlServer,
  fetcher,
  trackerClientTcp,
  trackerClientUdp,
  hashCaches,
  locks,
];
