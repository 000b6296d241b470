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

/** Chunks of one fetch: what a folder may add up to, with those of its index. 2^23 chunks are 4 TiB, and their hashes 256 MiB of memory. */
export const FETCH_CHUNKS_MAX_COUNT = 2 ** 23;

/** Contents of which one connection may follow what comes in: a folder and a few more. Each costs the serving peer a list of news. */
export const HAVE_CONTENTS_MAX_COUNT = 16;

/** Ranges of one line of news: as many as fit in LINE_MAX_BYTES whatever their numbers are. */
export const HAVE_NEWS_RANGES_MAX_COUNT = 250;

/** Milliseconds for which news are gathered, where there were none lately: short beside the time of a chunk on most links. */
export const HAVE_NEWS_GATHER_MS = 50;

/** Milliseconds from one line of news to the next: four a second to each connection, however fast chunks come in. */
export const HAVE_NEWS_PAUSE_MS = 250;

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

/** Rows of a page of contents or peers when the asker names no number, and the most that it may name. */
export const PAGE_ROWS_DEFAULT_COUNT = 100;
export const PAGE_ROWS_MAX_COUNT = 1000;

/** Bytes of a page, with its first line: one reply takes no more of a tracker's memory than its replies may wait in. */
export const PAGE_MAX_BYTES = 64 * KIB;

/** Bytes of the text of a search, decoded: as long as a name. */
export const SEARCH_TEXT_MAX_BYTES = KIB;

/** Bytes that one GET_RANGE may ask for: a chunk, so that it costs the peer what a chunk costs. It may lie across two of them. */
export const RANGE_MAX_BYTES = 512 * KIB;

/** Milliseconds from the first byte of a line to its LF; not reset by further bytes, so that one byte a second does not hold a socket. */
export const LINE_DEADLINE_MS = 10_000;

/** Bytes of replies queued for one tracker client before its further requests wait: a few of the largest replies. */
export const TRACKER_OUTPUT_PAUSE_BYTES = 64 * KIB;

/** Bad lines on one connection before it is closed: a person's typing errors, not a flood. */
export const BAD_LINES_MAX_COUNT = 10;

/** Streams that a sharing peer keeps open: a swarm of 500, each with one or two, and what a process may open elsewhere. */
export const SERVE_STREAMS_MAX_COUNT = 512;

/** Streams from one IP address that is not this machine's: several fetchers behind one router, and no more. */
export const SERVE_STREAMS_PER_IP_MAX_COUNT = 32;

/** Requests waiting on one stream before it is no longer read: 64 MiB of chunks asked for in advance. */
export const SERVE_QUEUE_MAX_COUNT = 128;

/** Replies of one stream that are being read or written, where they are small; of whole chunks there are 2. */
export const SERVE_REPLIES_MAX_COUNT = 16;

/** Bytes of replies of one stream that are held in memory: one chunk being written and one being read. */
export const SERVE_REPLY_MAX_BYTES = 2 * CHUNK_BYTES;

/** Chunks that all streams together read ahead while another of the same stream is being written: 32 MiB. */
export const SERVE_AHEAD_MAX_COUNT = 64;

/** Chunks that a node sends at once, to all connections together: at first (four fast fetchers are never held up), at least, at most. */
export const UPLOAD_SLOTS_START_COUNT = 8;
export const UPLOAD_SLOTS_MIN_COUNT = 4;
export const UPLOAD_SLOTS_MAX_COUNT = 64;

/** Milliseconds in which the other side must take at least a byte of what is being written to it. */
export const WRITE_STALL_MS = 30_000;

/** Milliseconds after which a stream that asks for nothing is closed. */
export const STREAM_IDLE_MS = 5 * 60_000;

/** Files kept open for serving: half of the smallest usual limit of a process (macOS: 256), with room for streams. */
export const OPEN_FILES_MAX_COUNT = 64;

/** Milliseconds for a connection to a tracker, and then for each reply. */
export const TRACKER_DIAL_TIMEOUT_MS = 5000;
export const TRACKER_REPLY_DEADLINE_MS = 5000;

/** Requests on the way to one tracker: hides the round trip, and their replies fit in TRACKER_OUTPUT_PAUSE_BYTES. */
export const TRACKER_PIPELINE_MAX_COUNT = 256;

/** Bytes of a datagram of the UDP index: what passes every usual link without being cut into fragments. */
export const INDEX_DATAGRAM_MAX_BYTES = 1200;

/** How many times as long as its request a reply may be while the asker's address is unproven: what a forged address can be made to get. */
export const INDEX_UNPROVEN_REPLY_RATIO = 3;

/** Milliseconds of a slot of time to which a cookie is bound; it is good in that one and in the next. */
export const INDEX_COOKIE_SLOT_MS = 60_000;

/** Cookies remembered of one slot, so that each address costs its computation once: 16,384 clients at once, 4 MiB. */
export const INDEX_COOKIES_KEPT_COUNT = 16_384;

/** Addresses of which the last sequence number is remembered, at most twice as many: 65,536 clients, 8 MiB. */
export const INDEX_SEQUENCES_KEPT_COUNT = 32_768;

/** Requests a second of one source whose address is proven, and where it is not; so many at once, too. Loopback is exempt. */
export const INDEX_SOURCE_REQUESTS_COUNT = 10_000;
export const INDEX_UNPROVEN_REQUESTS_COUNT = 1000;

/** Requests that a search counts as, and one of INFO, LIST or PEERS: it may take that many times as long as one of these. */
export const INDEX_SEARCH_REQUESTS_COUNT = 100;
export const INDEX_PAGE_REQUESTS_COUNT = 10;

/** Sources whose rate is counted apart; more of them share what they may ask. Fixed memory: 1 MiB for each kind of rate. */
export const INDEX_RATE_SLOTS_COUNT = 65_536;

/** Times that a UDP request is sent before its tracker counts as gone; about ten seconds in all. */
export const INDEX_TRIES_MAX_COUNT = 7;

/** Milliseconds until a UDP request is sent again, doubled each time, and the longest of them. */
export const INDEX_RETRY_FIRST_MS = 250;
export const INDEX_RETRY_LAST_MS = 2000;

/** UDP requests on the way to one tracker: at first, and at most. Its socket's buffer must hold those of several clients. */
export const INDEX_WINDOW_START_COUNT = 16;
export const INDEX_WINDOW_MAX_COUNT = 256;

/** Names that requests of one sequence number may be about; then all that are on the way are waited for, and the next number begins. */
export const INDEX_EPOCH_NAMES_COUNT = 4096;

/** Milliseconds for saying goodbye to all trackers when a peer stops. */
export const UNREGISTER_DEADLINE_MS = 3000;

/** The same for a tracker that has acknowledged nothing yet, and may be dead: two round trips to the other side of the world. */
export const UNREGISTER_UNKNOWN_DEADLINE_MS = 500;

/** Bytes of the hash cache: the hashes of 4 TiB, or about 2 million small files. Beyond it, the oldest half goes. */
export const HASH_CACHE_MAX_BYTES = 256 * MIB;

/** Milliseconds that a file must have been left alone before its hashes are cached: the coarsest usual clock of a file system (FAT). */
export const HASH_CACHE_SETTLE_MS = 2000;

/** Times that a file which changes while it is hashed is hashed anew. */
export const HASH_TRIES_COUNT = 4;

/** Milliseconds in which a tracker client with queued replies takes none of them before it is dropped: longer than a network's hiccup. */
export const TRACKER_OUTPUT_STALL_MS = 30_000;

/** Clients that may have replies or requests waiting at once; the one that waits longest is dropped. Bounds memory to about 200 MiB. */
export const TRACKER_WAITING_MAX_COUNT = 1024;

/** Requests answered for one client before the others have their turn: about a millisecond. */
export const TRACKER_TURN_LINES_COUNT = 128;

/** Milliseconds after which a turn with heavy requests ends early. */
export const TRACKER_TURN_MS = 5;

/** Milliseconds of turns after which new connections and new requests are looked at: what a newcomer waits in a storm. */
export const TRACKER_ROUND_MS = 10;

/** Milliseconds without a byte after which a tracker client is closed: many intervals, so that a peer may keep its connection. */
export const TRACKER_IDLE_MS = 600_000;

/** After an error that ends a connection, how long (ms) and how much (bytes) is still read and dropped, so that the error arrives. */
export const TRACKER_LINGER_MS = 2000;
export const TRACKER_LINGER_MAX_BYTES = 4 * MIB;

/** Milliseconds between two looks at deadlines; every deadline is late by at most this. */
export const TRACKER_SWEEP_MS = 1000;

/** Milliseconds between two looks at leases, and registrations looked at in each: a few milliseconds where all of them have ended. */
export const TRACKER_LEASES_SWEEP_MS = 250;
export const TRACKER_LEASES_SWEEP_COUNT = 5000;

/**
 * Bytes of names that one SEARCH looks at; then its reply says where to go on. Half a millisecond for most, and less than ten where names
 * and search were made for it (`aaaac` in names full of `a`). A search for what is rare ends long before.
 */
export const TRACKER_SEARCH_BUDGET_BYTES = MIB;

/** Peers that one page of PEERS looks at, about a millisecond; a walk in a small group of many peers goes on from there. */
export const TRACKER_PAGE_PEERS_COUNT = 10_000;

/** Open connections of one tracker: 10,000 idle clients and room, and those of one source (an IPv4 address or an IPv6 /64). */
export const TRACKER_CONNECTIONS_DEFAULT_COUNT = 16_384;
export const TRACKER_SOURCE_CONNECTIONS_DEFAULT_COUNT = 256;

/** Registrations that a tracker keeps, with which it takes about 350 MiB in all, and those of one source: a folder of 100,000 files. */
export const TRACKER_ENTRIES_DEFAULT_COUNT = 1_000_000;
export const TRACKER_SOURCE_ENTRIES_DEFAULT_COUNT = 100_000;

/** Registrations of a source that are always welcome while there is room at all; larger sources leave the last tenth to these. */
export const TRACKER_SMALL_SOURCE_ENTRIES_COUNT = 1000;

/** Contents that one source may bring up under one name: fewer than a LOOKUP's rows, so that no source fills a reply alone. */
export const TRACKER_NAME_CONTENTS_PER_SOURCE_COUNT = 32;

/** Milliseconds that a peer has to answer when the tracker asks it how it is, and after which it is asked once more. */
export const TRACKER_PROBE_DEADLINE_MS = 5000;
export const TRACKER_PROBE_PAUSE_MS = 5000;

/** Milliseconds between two looks at whom to ask, and how many are asked at once: a hundred peers in half a minute if none of them answers. */
export const TRACKER_PROBE_TICK_MS = 1000;
export const TRACKER_PROBES_AT_ONCE_COUNT = 16;

/** Addresses of one source that are asked in an interval: peers of one machine, and too few to look for open ports with. */
export const TRACKER_PROBES_PER_SOURCE_COUNT = 16;

/** Log lines of one kind in LOG_GATE_MS milliseconds; the next line after that tells how many were left out. */
export const LOG_GATE_LINES_COUNT = 5;
export const LOG_GATE_MS = 10_000;

/** Bytes a second of a rate limit at least: with less a chunk takes longer than anybody waits for one, and nobody is ever served. */
export const RATE_LIMIT_MIN_BYTES = 32 * KIB;

/** Contents whose bytes a peer that stays counts one by one: half a megabyte of state, written every few seconds while bytes flow. */
export const STATISTICS_CONTENTS_MAX_COUNT = 4096;

/** Shares that a peer that stays takes up again after a start: as many as anybody manages one by one; a folder is one. */
export const KEPT_SHARES_MAX_COUNT = 10_000;

/** Bytes of the state of a peer that stays: KEPT_SHARES_MAX_COUNT with the longest paths, and the counts. */
export const STATE_FILE_MAX_BYTES = 64 * MIB;

/** Characters of one line between a command and the node of its user: KEPT_SHARES_MAX_COUNT in a list, with long paths. */
export const CONTROL_LINE_MAX_CHARS = 16 * MIB;

/** Characters that wait for a command which does not read, before it is given up. */
export const CONTROL_QUEUE_MAX_CHARS = 2 * CONTROL_LINE_MAX_CHARS;

/** Commands that may talk to one node at once. */
export const CONTROL_CLIENTS_MAX_COUNT = 64;

/** Milliseconds in which a running node says who it is; after that a command does without it. */
export const CONTROL_GREETING_MS = 5000;

/** Pushes that wait at one peer, and those of one IP address: what a person pushes at once, and room for others beside it. */
export const PUSHES_WAITING_MAX_COUNT = 256;
export const PUSHES_WAITING_PER_IP_MAX_COUNT = 64;

/** Pushes that are over and still known to the peer, and milliseconds that they are: whoever pushed asks again within that. */
export const PUSHES_KEPT_MAX_COUNT = 1000;
export const PUSH_KEPT_MS = 3_600_000;

/** Milliseconds without a chunk after which a peer gives up what was pushed to it: longer than it takes a sender to start anew. */
export const PUSH_PATIENCE_MS = 60_000;

/** Receivers of one push that are asked at once: each is a connection, and most of the time it is silent. */
export const PUSHES_TO_AT_ONCE_MAX_COUNT = 64;

/** Receivers that a number may ask for, and peers that are looked through for them: what fits in a few megabytes. */
export const RECEIVERS_MAX_COUNT = 10_000;
export const PEERS_WALK_MAX_COUNT = 10_000;

/** Contents that a peer takes at the same time: each is a fetch, with connections and memory of its own. */
export const PUSHES_AT_ONCE_MAX_COUNT = 16;

/** Copies that a group may be asked to keep of each content; under load it may be twice as many. */
export const REPLICAS_MAX_COUNT = 100;
