/**
 * Every bound of the system, with its unit and its reason. Nothing else may hold a bare limit.
 *
 * A limit protects a reader from its writer, so each is checked where bytes enter, before anything is allocated by a claimed size.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Bytes of a chunk: the contract's constant; the last chunk of a content may be shorter. */
export const CHUNK_BYTES = 512 * KIB;

/** Bytes of a protocol line with its LF: room for a name of 1,024 bytes, each percent-encoded, and every attribute. */
export const LINE_MAX_BYTES = 4096;

/** Bytes of a decoded file name: what every usual file system's path allows with room for the folder it is put in. */
export const NAME_MAX_BYTES = 1024;

/** Bytes of one part of a path: the limit of ext4, XFS, APFS and NTFS. */
export const NAME_PART_MAX_BYTES = 255;

/** Chunks of one content: 2^21 chunks are 1 TiB, and their hashes fill a manifest of 64 MiB. */
export const CHUNKS_MAX_COUNT = 2 ** 21;

/** Bytes of an encoded manifest: hashes of CHUNKS_MAX_COUNT chunks and 64 KiB for everything else. */
export const MANIFEST_MAX_BYTES = 32 * CHUNKS_MAX_COUNT + 64 * KIB;

/** Bytes of an encoded folder index: about 500,000 files with ordinary paths. */
export const FOLDER_INDEX_MAX_BYTES = 64 * MIB;

/** Files of one folder: what fits in FOLDER_INDEX_MAX_BYTES with short paths. */
export const FOLDER_FILES_MAX_COUNT = 1_000_000;

/** Levels of nesting in a msgpack document: ours have 3. */
export const MSGPACK_DEPTH_MAX_COUNT = 16;

/** Values in a msgpack document: a folder index of FOLDER_FILES_MAX_COUNT files, 5 keys and 5 values each, and their maps. */
export const MSGPACK_VALUES_MAX_COUNT = 12 * FOLDER_FILES_MAX_COUNT;

/** Bytes of one record of a record log (journal, hash cache): a manifest and its header. */
export const RECORD_MAX_BYTES = FOLDER_INDEX_MAX_BYTES + MANIFEST_MAX_BYTES;

/** Trackers of one link or one command: more is a mistake, and each costs a connection. */
export const TRACKERS_MAX_COUNT = 32;

/** Peers taken from one link. */
export const LINK_PEERS_MAX_COUNT = 64;

/** Characters of a link: name, trackers and peers at their limits, percent-encoded. */
export const LINK_MAX_CHARS = 16 * KIB;

/** Rows that a tracker answers a LOOKUP with when the asker names no number, and the most that it may name (BEP 3 trackers give 50). */
export const LOOKUP_ROWS_DEFAULT_COUNT = 50;
export const LOOKUP_ROWS_MAX_COUNT = 100;

/** Milliseconds from the first byte of a line to its LF; not reset by further bytes, so that one byte a second does not hold a socket. */
export const LINE_DEADLINE_MS = 10_000;

/** Bytes of replies queued for one tracker client that does not read: one pipelined burst of the largest replies. */
export const TRACKER_OUTPUT_MAX_BYTES = MIB;

/** Bad lines on one connection before it is closed: a person's typing errors, not a flood. */
export const BAD_LINES_MAX_COUNT = 10;
