"""One libtorrent session on loopback, for `npm run bench:compare`.

    libtorrent-session.py seed  TORRENT FOLDER           prints `listening PORT` when it seeds; runs until it is told to end
    libtorrent-session.py fetch TORRENT FOLDER PORT...   fetches from those ports, ends when everything is verified

The settings are those of libtorrent's own `high_performance_seed`, without discovery, encryption and uTP, and with a thread a core
for hashing. Other counts of threads, longer queues, larger socket buffers and files without mmap were tried; what they changed was
less than the noise.
"""
import os
import sys

import libtorrent as lt

# An alert wakes a session at once; this is for what comes without one.
FETCH_WAKE_MS = 50
SEED_WAKE_MS = 1000
CORES = os.cpu_count() or 1

SETTINGS = {
    **lt.high_performance_seed(),
    "listen_interfaces": "127.0.0.1:0",
    "allow_multiple_connections_per_ip": True,
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "in_enc_policy": lt.enc_policy.disabled,
    "out_enc_policy": lt.enc_policy.disabled,
    "aio_threads": 4,
    "hashing_threads": CORES,
    "disk_io_write_mode": lt.io_buffer_mode_t.enable_os_cache,
    "disk_io_read_mode": lt.io_buffer_mode_t.enable_os_cache,
    "max_queued_disk_bytes": 64 * 2**20,
    "send_buffer_watermark": 5 * 2**20,
    "suggest_mode": 0,
    "tick_interval": 100,
    "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
}


def main(role, torrent, folder, ports):
    parent = os.getppid()
    session = lt.session({**SETTINGS, "enable_outgoing_tcp": role == "fetch"})
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
    params.save_path = folder
    params.flags = lt.torrent_flags.default_flags & ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    params.peers = [("127.0.0.1", int(port)) for port in ports]
    handle = session.add_torrent(params)
    while not handle.status().is_seeding:
        session.wait_for_alert(FETCH_WAKE_MS)
        for alert in session.pop_alerts():
            if isinstance(alert, (lt.torrent_error_alert, lt.file_error_alert)):
                sys.exit(alert.message())
    if role == "fetch":
        return
    print("listening", session.listen_port(), flush=True)
    # Whoever started it may be killed; then nobody is left to end it.
    while os.getppid() == parent:
        session.wait_for_alert(SEED_WAKE_MS)
        session.pop_alerts()


main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
