"""One libtorrent session of a swarm on loopback, for `npm run bench:swarm`.

    libtorrent-peer.py seed TORRENT FOLDER BYTES      prints `listening PORT` when it seeds, at most BYTES a second in all
    libtorrent-peer.py fetch TORRENT FOLDER PORT...   listens on the first port and knows the others; prints `began`, then `done BYTES` with
                                                      what came twice or wrong, when everything is verified; goes on seeding

Each runs until it is told to end; the seed then prints `sent BYTES`: of the file, without what the protocol adds.

The settings are libtorrent's own defaults, without discovery, encryption and uTP, and the seed is a super-seed, a mode made for the
first seed of a content. Last done ÷ fluid bound of 256 MiB at 8 MiB/s for 8 fetchers was 1.4 to 1.75 so in five runs (the seed sends
everything once, but not always at its rate), and 1.7 in one run with `high_performance_seed` in its place (the seed sends everything
1.5 times), and in one with both. Of 128 MiB, one run each, it was 1.75, 1.9 and 1.8, and 2.1 with the defaults alone.
"""
import os
import signal
import sys

import libtorrent as lt

# An alert wakes a session at once; this is for what comes without one.
WAKE_MS = 50

SETTINGS = {
    "allow_multiple_connections_per_ip": True,
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "in_enc_policy": lt.enc_policy.disabled,
    "out_enc_policy": lt.enc_policy.disabled,
    "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
}


def open_session(role, number):
    if role == "fetch":
        return lt.session({**SETTINGS, "listen_interfaces": f"127.0.0.1:{number}"})
    session = lt.session({**SETTINGS, "listen_interfaces": "127.0.0.1:0"})
    # Addresses of this machine are in a class of their own, which has no limit otherwise.
    for one in (session.global_peer_class_id, session.local_peer_class_id):
        session.set_peer_class(one, {**session.get_peer_class(one), "upload_limit": number})
    return session


def add(session, role, torrent, folder, ports):
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
    params.save_path = folder
    flags = lt.torrent_flags
    params.flags = flags.default_flags & ~(flags.auto_managed | flags.paused)
    if role == "seed":
        params.flags |= flags.super_seeding
    params.peers = [("127.0.0.1", port) for port in ports]
    return session.add_torrent(params)


def main(role, torrent, folder, numbers):
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append("end"))
    parent = os.getppid()
    session = open_session(role, numbers[0])
    if role == "fetch":
        print("began", flush=True)
    handle = add(session, role, torrent, folder, numbers[1:])
    is_seeding = False
    # Whoever started it may be killed; then nobody is left to end it.
    while not told and os.getppid() == parent:
        session.wait_for_alert(WAKE_MS)
        for alert in session.pop_alerts():
            if isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert)):
                sys.exit(alert.message())
        status = handle.status()
        if status.is_seeding and not is_seeding:
            is_seeding = True
            wasted = status.total_redundant_bytes + status.total_failed_bytes
            print(f"listening {session.listen_port()}" if role == "seed" else f"done {wasted}", flush=True)
    if role == "seed":
        print("sent", handle.status().total_payload_upload, flush=True)


main(sys.argv[1], sys.argv[2], sys.argv[3], [int(word) for word in sys.argv[4:]])
