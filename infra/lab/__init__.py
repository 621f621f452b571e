"""Lab hosts: whole machines for tests, on this one, with a power switch and a network cable.

    python -m infra.lab up NAME        boot it, or boot it again after `off`; its disk is kept
    python -m infra.lab off NAME       cut its power: every process in it dies at once
    python -m infra.lab cut NAME       pull its network cable out
    python -m infra.lab mend NAME      put the cable back
    python -m infra.lab down NAME      cut its power and throw its disk away
    python -m infra.lab list           every host, whether it is up, and how to reach it

A lab host has namespaces of its own (processes, mounts, network, host name, IPC, cgroups), systemd
as process 1, a real sshd and an address on a bridge. It sees this machine's files, and what it
writes lies on a disk in memory. Needs root, Linux with overlayfs and cgroup2, iproute2,
util-linux, openssh-server and systemd. What it makes, `down` removes.
"""
